"""The steps on a slide that is too large for memory: block by block, resumable, on any workers."""
