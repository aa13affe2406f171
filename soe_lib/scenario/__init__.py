"""
Step 3: levers to scenarios, each a verified finite schedule, priced, compared, pressure-tested.

``catalogue`` names them, ``levers`` are typed objects, ``offers`` says which there are, ``apply``
puts them on the snapshot, ``evaluate`` asks the engine, ``quiet`` and ``settle`` let go of what
does not pay, ``repair`` finds the fewest moves, ``costs`` prices, ``compare`` ranks, ``pressure``
asks the shop floor, ``result_tables`` makes the tables of the run.
"""
