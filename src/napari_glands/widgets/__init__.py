"""Qt views: they show state and emit signals, and know no napari, no job and no project."""
