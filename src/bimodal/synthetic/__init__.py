"""Drawing faces from facial action units, as data sets whose true labels are known."""
