"""Pretrain the packaged network: one backbone with two heads, on FER2013's faces with FERPlus's votes."""
