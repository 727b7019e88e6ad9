"""Trained networks for elsewhere: ONNX files, and folders or repositories that others load."""
