"""A reference server of the cascade/1 protocol, for trying out and testing what drives such agents."""
