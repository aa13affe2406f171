"""One file per step of the loop: call the rooms in order, write their tables, say the sentence."""
