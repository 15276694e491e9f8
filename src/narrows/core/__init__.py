"""Bytes in, values out: edits, JSON places, HTTP framing, event streams, token counts. Everything here is pure."""
