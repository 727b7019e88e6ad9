"""What a user may meet and must survive: damaged and hostile files, kills, full disks, little memory, two calls at once.

The tests here are short and seeded; `make torture` (`torture.py`) runs the long version and writes docs/results/robustness.md.
"""
