"""The running gateway: client connections, exchanges, planning processes, own routes, and what puts them together."""
