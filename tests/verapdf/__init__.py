"""veraPDF, which tells whether a document keeps to PDF/UA."""
