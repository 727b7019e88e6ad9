"""The review of an audit: decisions on disk, a ranking that learns from them, and the cleaned set."""
