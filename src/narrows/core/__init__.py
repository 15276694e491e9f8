"""The lowest layer: bytes and texts in, values out, and no knowledge of any wire or kind."""
