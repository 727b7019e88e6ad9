"""The interface of the local page for programs: one file a subject, JSON in and out."""
