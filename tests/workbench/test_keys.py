from __future__ import annotations

from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts

from napari_glands.workbench.display import BEFORE_KEY
from napari_glands.workbench.keys import TOOL_KEYS
from napari_glands.workbench.review import KEYS

# Those of undo are napari's own, for what they do there.
OURS = [*TOOL_KEYS.values(), *(KEYS[verb] for verb in KEYS if verb not in ("undo", "redo"))]
OF_LABELS = ("labels", "label", "brush", "preserve", "polygon")


def test_no_key_means_two_things():
    keys = [str(coerce_keybinding(key)) for key in (*OURS, BEFORE_KEY)]
    assert len(keys) == len(set(keys))


def test_no_key_of_napari_is_taken_away_from_a_labels_layer():
    other = ("shapes", "points", "vectors", "image", "surface", "tracks", "mode", "select_")
    theirs = {
        str(key)
        for name, keys in default_shortcuts.items()
        if any(word in name for word in OF_LABELS) or not any(word in name for word in other)
        for key in keys
    }
    assert not theirs & {str(coerce_keybinding(key)) for key in OURS}
