"""The agent plane's shell: it performs what the machine commands, and writes what its runs say to clients."""
