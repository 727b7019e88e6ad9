"""Layouts of known data sets: each file recognises its layout and reads it; `registry` chooses."""
