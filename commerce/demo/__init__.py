"""Two demo shops: their catalogue as plain data and the code that draws their pictures.

Nothing here knows of a database or of Flask; only the standard library and Pillow are imported.
"""
