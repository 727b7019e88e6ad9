"""Pictures: decoding untrusted files, finding and aligning faces."""
