"""Real history replayed day by day with only what was known then: what would S&OE have changed?"""
