"""The grammar of search phrases, lowest first: numbers, times, plates, the dictionary, what belongs to which noun.

`search.query.phrases.parse` uses the parts in this order: villages, plates, times, cameras, the dictionary. What one of
them has read is hidden from the next (`search.query.words.reader`), so every character is read at most once.
"""
