"""Features of frozen networks: extracted once, cached in the data folder, and judged by a logistic regression."""
