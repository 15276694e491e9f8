"""The kinds of machine-written text that are shortened, one file or folder a kind, and the registry that picks one."""
