"""Figures, comparisons and the self-contained page, from run folders; nothing here trains or predicts."""
