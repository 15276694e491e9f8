"""The command line: `main` holds the table of commands, each has its file; only here is the environment read."""
