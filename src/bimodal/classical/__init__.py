"""What came before deep networks, and the floor under every number: LPQ, PHOG, SVM, small networks, majority."""
