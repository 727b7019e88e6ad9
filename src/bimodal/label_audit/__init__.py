"""Label audits: rank the labels of a data folder, review the suspects, and write cleaned data."""
