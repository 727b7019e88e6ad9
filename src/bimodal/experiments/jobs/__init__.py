"""Run many jobs, on Ray or one after the other."""
