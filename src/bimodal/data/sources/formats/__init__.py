"""Readers of annotation formats: Hugging Face's folders, Parquet files and hub, Label Studio's exports, COCO's JSON."""
