"""
Step 4: who may decide, who must do what until when, and the record that a decision leaves.

``changes``, ``supply`` and ``reasons`` say what a chosen schedule changes; ``commitments`` makes
tasks of it; ``governance`` and ``escalation`` say whose consent it needs; ``record`` seals it.
"""
