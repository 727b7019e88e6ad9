"""Prediction: from images, videos and cameras to the probability of each emotion, for each face."""
