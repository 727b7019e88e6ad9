"""Decoding picture files that may be damaged or malicious; detecting and aligning faces."""
