"""Export of trained networks: ONNX files, and folders or Hugging Face repositories that `bimodal.load` reads."""
