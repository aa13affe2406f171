"""
What APS, ERP and MES receive of a signed decision, exactly once, and the proof that they agree.

``preview`` makes the tables, ``messages`` the facts, ``files`` and ``b2mml`` the outbox,
``targets`` the staging tables, ``readback`` the seal.
"""
