"""Faces in, emotions out: pictures and video to probabilities. With an ONNX model no training engine is loaded."""
