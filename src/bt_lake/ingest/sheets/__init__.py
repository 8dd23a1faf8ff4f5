"""Tables as programs for people write them: any encoding, any language's numbers and dates."""
