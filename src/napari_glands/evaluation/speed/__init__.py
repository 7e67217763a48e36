"""The speed benchmark: ratios against a peer in the same run."""
