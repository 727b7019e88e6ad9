"""Studies that run many trainings: the paper's table, the study of label noise, and the pretraining."""
