"""The command line: one file a command, which turns options into function calls."""
