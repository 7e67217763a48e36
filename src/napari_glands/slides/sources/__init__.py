"""One file per kind of source; `Slide` sees only the `Source` protocol."""
