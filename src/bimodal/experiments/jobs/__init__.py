"""Running many jobs, through Ray or in one process beside this one."""
