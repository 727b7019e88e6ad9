"""Work on many pictures in shards, on this machine or a Ray cluster: predictions and features."""
