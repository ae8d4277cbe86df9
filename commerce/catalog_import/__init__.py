"""Reading another shop system's catalogue export into this shop.

A `grouping.ProductFile` (`shopify.ShopifyFile`, `woocommerce.WooFile`) reads and judges a file and touches no database;
`services.import_catalogue` writes what it yields, one product at a time, all of it or none of it;
`report.ImportReport` says what happened.
"""
