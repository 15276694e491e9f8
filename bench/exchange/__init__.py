"""What an exchange costs the gateway itself, without sockets, event loop and kernel: processor time and calls."""
