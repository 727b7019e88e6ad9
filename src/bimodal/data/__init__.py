"""From a source of pictures to batches: sources, manifest, splits, faces, cache, augmentation, loaders."""
