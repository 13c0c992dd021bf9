"""Small tensor tools without project nouns: randomness, pictures, devices."""
