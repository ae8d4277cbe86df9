"""The words of every error: the one place where a reason and its facts become a sentence.

Views, templates, the API and the command line call `describe`. The rooms below raise reasons and facts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from babel.lists import format_list
from flask import has_app_context
from flask_babel import format_date, format_datetime, get_locale, gettext

from commerce.errors import CommerceError, FieldError, Refusal, Shortage
from commerce.money import format_money


def N_(text: str) -> str:  # noqa: N802 - the name that gettext tools know
    """Mark a text for the catalogue and return it as it is: it is translated when it is shown."""
    return text


MESSAGES: dict[str, str] = {
    # --- several features ---
    "invalid_values": N_("%(problems)s"),
    "not_a_whole_number_between": N_("Enter a whole number from %(minimum)s to %(maximum)s."),
    "stale_version": N_("Someone else changed this after you opened the page."),
    "text_too_long": N_("Use at most %(maximum)s characters."),
    # --- accounts ---
    "address_book_full": N_(
        "Your address book can hold up to %(limit)s addresses. Delete one to add another."
    ),
    "address_not_found": N_("We couldn't find this address."),
    "api_client_name_length": N_("Enter a name of 1 to %(maximum)s characters."),
    "api_client_name_taken": N_("An API client with this name already exists."),
    "api_client_not_found": N_("We couldn't find this API client."),
    "api_key_not_found": N_("We couldn't find this key."),
    "expiry_not_in_future": N_("Choose an expiry date in the future."),
    "invitation_email_taken": N_("A staff account with this email address already exists."),
    "invitation_not_found": N_("We couldn't find this invitation. It may have been accepted already."),
    "last_owner": N_("This is the only active owner. Make someone else an owner first."),
    "link_over": N_("A link in our emails works once and for a limited time. Request a new one."),
    "member_email_taken": N_("An account with this email address already exists."),
    "member_not_found": N_("We couldn't find this customer account."),
    "customer_addresses_full": N_("A customer can have up to %(limit)s addresses."),
    "customer_changed": N_("This customer has just been changed. Please open their page again."),
    "customer_group_name_invalid": N_("Enter a name of 1 to %(maximum)s characters without commas."),
    "customer_group_name_taken": N_("A group with this name already exists."),
    "customer_group_not_found": N_("We couldn't find this group."),
    "customer_note_not_found": N_("We couldn't find this note."),
    "name_required": N_("Enter your name."),
    "not_an_email": N_("“%(value)s” isn't a valid email address."),
    "otp_wrong": N_("This code isn't valid. Wait for your app to show a new code, then enter that one."),
    "password_length": N_("Use a password of %(minimum)s to %(maximum)s characters."),
    "password_too_weak": N_(
        "This password is too easy to guess. Avoid common passwords, names, dates, and keyboard "
        "patterns. Four unrelated words work well."
    ),
    "scopes_required": N_("Choose at least one permission for this key."),
    "second_factor_exists": N_("Two-factor authentication is already on."),
    "second_factor_missing": N_("Two-factor authentication isn't on."),
    "second_factor_unreadable": N_(
        "We can't verify codes from your authenticator app because the installation's encryption key has "
        "changed. Use a recovery code, or ask the shop owner to reset two-factor authentication."
    ),
    "session_not_found": N_("We couldn't find this session."),
    "sign_in_busy": N_("Many people are signing in right now. Try again in a moment."),
    "sign_in_code_wrong": N_(
        "The code is incorrect. After several failed attempts, sign-in is paused for up to five minutes."
    ),
    "sign_in_page_expired": N_("This page was open too long. Start again."),
    "sign_in_password_wrong": N_(
        "The password is incorrect. After several failed attempts, sign-in is paused for up to five minutes."
    ),
    "sign_in_refused": N_(
        "The email address or password is incorrect. After several failed attempts, sign-in is paused "
        "for up to five minutes."
    ),
    "staff_email_exists": N_("A staff account with the email address %(email)s already exists."),
    "staff_email_taken": N_(
        "%(email)s already belongs to a staff account. If it was deactivated, reactivate it."
    ),
    "staff_limit_reached": N_(
        "Your plan includes %(limit)s staff accounts, including open invitations. Deactivate an account "
        "or withdraw an invitation first."
    ),
    "staff_not_found": N_("We couldn't find this staff account."),
    "staff_role_changed": N_("The role of %(name)s was changed to %(role)s after you opened the page."),
    "too_many_views": N_("You can save up to %(limit)s views. Delete one that you no longer need."),
    "view_name_invalid": N_("Enter a name of up to %(maximum)s characters."),
    "view_not_found": N_("We couldn't find this view."),
    "view_too_long": N_("These filters are too long to be saved."),
    "too_many_api_clients": N_("Your shop can have up to %(limit)s API clients."),
    "too_many_api_keys": N_(
        "An API client can have up to %(limit)s keys. Revoke a key that you no longer need."
    ),
    "unknown_role": N_("“%(role)s” isn't a role. The roles are %(roles)s."),
    # --- admin ---
    "category_is_promoted": N_(
        "The promotion “%(promotion)s” applies to this category. Remove the category from it first."
    ),
    "csv_required": N_("Choose a CSV file."),
    "delivery_not_found": N_("We couldn't find this delivery."),
    "event_handler_not_found": N_("We couldn't find this event handler."),
    "file_not_text": N_("This isn't a text file. Save it as CSV (UTF-8) and try again."),
    "file_too_large_for_page": N_(
        "This file is too large to upload here. Import it with the command: flask stock import"
    ),
    "bulk_kind_not_found": N_("There is no such bulk change."),
    "bulk_plan_not_found": N_("We couldn't find this bulk change."),
    "bulk_row_failed": N_("This couldn't be changed. The log of the installation has the reason."),
    "category_gone": N_("One of the categories was deleted meanwhile. Choose again."),
    "category_in_and_out": N_("A category can't be both added and removed."),
    "category_required": N_("Choose at least one category."),
    "nothing_chosen": N_("Choose at least one row first."),
    "percent_or_amount": N_("Enter either a percentage or an amount."),
    "plan_already_started": N_("This bulk change was started already."),
    "plan_in_other_state": N_("This bulk change has moved on meanwhile."),
    "plan_not_undoable": N_("What this bulk change does cannot be undone."),
    "plan_not_previewed": N_("Review what would change first."),
    "stock_cause_does_not_fit": N_(
        "Choose a reason that fits: received or found add units, damaged or lost remove them."
    ),
    "tracking_lines_required": N_("Paste at least one line, or choose a file."),
    "too_many_tracking_lines": N_("Up to %(limit)s lines can be shipped at once. Split the file."),
    "tracking_number_required": N_("The tracking number is missing."),
    "sku_not_in_order": N_("This order has no item with the SKU “%(sku)s”."),
    "sku_twice_in_order": N_("This order has several lines with the SKU “%(sku)s”. Ship it on its own page."),
    "tracking_quantity_invalid": N_("The quantity must be a whole number of at least 1."),
    "tracking_quantity_without_sku": N_("A quantity needs the SKU that it counts."),
    "tracking_items_required": N_("Several lines for one order need a SKU and a quantity each."),
    "tracking_line_repeated": N_("This item is in this parcel already."),
    "tags_required": N_("Enter at least one tag."),
    "too_many_chosen": N_("A bulk change can have up to %(limit)s rows. Narrow the list down."),
    "too_many_tags": N_("It would have more than %(limit)s tags."),
    "unknown_choice": N_("Choose one of the options."),
    "export_not_found": N_("There is no such export."),
    "file_import_not_found": N_("We couldn't find this import. Imports are kept for 60 days."),
    "gateway_not_found": N_("We couldn't find this payment provider."),
    "import_is_over": N_("This import is already over."),
    "import_keeps_failing": N_(
        "The import stopped %(tries)s times for an unknown reason. What was imported until then is kept. Upload the "
        "file again to go on, or ask the operator of the installation to look at the log."
    ),
    "import_not_open": N_("This import has changed meanwhile. Review it again."),
    "imports_too_many": N_(
        "There are %(limit)s imports that nobody has finished. Start or withdraw one of them first."
    ),
    "list_position_invalid": N_("This link doesn't lead to a page of the list."),
    "location_required": N_("Choose a location."),
    "mail_not_found": N_("We couldn't find this email."),
    "order_action_not_found": N_("We couldn't find this action."),
    "order_link_sent_often": N_(
        "This link was already emailed %(limit)s times within the last hour. Try again later."
    ),
    "order_without_email": N_("This order doesn't have an email address."),
    "order_not_found": N_("We couldn't find this order."),
    "payment_method_code_taken": N_("Another payment method already uses this code."),
    "payment_method_not_found": N_("We couldn't find this payment method."),
    "picture_required": N_("Choose an image to upload."),
    "product_not_found": N_("We couldn't find this product."),
    "promotion_has_orders": N_(
        "You can't delete this promotion because orders have used it. Turn it off instead."
    ),
    "refund_not_found": N_("We couldn't find this refund."),
    "refund_page_outdated": N_("The page is out of date. Reload it and try again."),
    "role_not_allowed": N_("Your role does not allow this. Only %(roles)s can do this."),
    "settings_page_not_found": N_("We couldn't find this settings page."),
    "shipment_not_found": N_("We couldn't find this shipment."),
    "stock_not_found": N_("We couldn't find this inventory item."),
    "stock_of_sku_not_found": N_("We couldn't find inventory for this SKU."),
    "transfer_units_required": N_("Enter how many units to transfer."),
    "webhook_disabled": N_("This webhook is disabled. Enable it, then try again."),
    # --- api ---
    "body_not_json": N_("The request body isn't valid JSON."),
    "coupon_not_in_cart": N_("This code isn't in the cart."),
    "currency_not_of_shop": N_("Prices in this shop are in %(currency)s."),
    "cursor_invalid": N_("This cursor doesn't belong to this list with these filters."),
    "feed_cursor_invalid": N_("This cursor doesn't belong to this shop's event feed."),
    "field_not_for_action": N_("The action %(action)s doesn't accept this field."),
    "idempotency_answer_lost": N_(
        "This request was already processed, but its response can no longer be read. Retrieve the object "
        "instead."
    ),
    "idempotency_key_expiring": N_(
        "The record of this idempotency key is being deleted right now. Try again."
    ),
    "idempotency_key_in_flight": N_(
        "The first request with this idempotency key is still in progress. Try again in a moment."
    ),
    "idempotency_key_invalid": N_("An idempotency key has 16 to 255 visible characters."),
    "idempotency_key_required": N_(
        "Send an Idempotency-Key header of 16 to 255 visible characters, with a new value for each operation."
    ),
    "idempotency_key_reused": N_(
        "This idempotency key was already used with a different request. Use a new key."
    ),
    "idempotency_keys_differ": N_("The request has two different idempotency keys."),
    "if_match_invalid": N_('If-Match must be a version in quotation marks, such as "3".'),
    "if_match_not_supported": N_("This endpoint doesn't use versions. Remove the If-Match header."),
    "insufficient_scope": N_("This key needs the scope %(scope)s."),
    "line_ambiguous": N_("This doesn't identify exactly one line of the order."),
    "line_id_or_product_code": N_("Identify a line by its lineId or productCode."),
    "open_cart_not_found": N_("There's no open cart with this ID."),
    "percent_too_precise": N_("A percentage can have up to four decimal places."),
    "reservation_failed": N_("%(attention)s"),
    "resource_not_found": N_("We couldn't find this resource."),
    "return_not_found": N_("We couldn't find this request."),
    "shipping_method_without_address": N_(
        "Send a shipping address first: it determines which shipping methods are available."
    ),
    "status_or_action": N_("Send either a status or an action."),
    "unknown_event_types": N_("These event types don't exist: %(types)s."),
    "version_required": N_("Send the version that you last saw, in the body or as If-Match."),
    "versions_differ": N_("If-Match and the version in the request body are different."),
    # --- cart ---
    "cart_changed_elsewhere": N_(
        "Your cart or your details were changed in another window. Review them and place your order again."
    ),
    "cart_full": N_("Your cart can hold up to %(limit)s different items. Remove one to add another."),
    "cart_has_no_items": N_("There are no items in your cart."),
    "coupon_awaits_shipping": N_("Applies once you choose a shipping method."),
    "coupon_below_minimum": N_("Add %(missing_amount)s more to your cart to use this code."),
    "coupon_does_not_combine": N_("This code can't be combined with the promotions of this order."),
    "coupon_fits_no_item": N_("This code doesn't apply to anything in this order."),
    "coupon_order_below_minimum": N_("The order is %(missing_amount)s below the minimum of this code."),
    "coupon_order_has_promotion": N_("This order already has the promotion of this code."),
    "coupon_used_by_customer": N_("The customer has reached the limit for using this code."),
    "coupon_disabled": N_("This code is no longer valid."),
    "coupon_duplicate": N_("Your cart already has a code for the same offer."),
    "coupon_ended": N_("This code has expired."),
    "coupon_exhausted": N_(
        "These codes can no longer be used: %(coupon_codes)s. Review the new total and place your order "
        "again."
    ),
    "coupon_no_effect": N_("There is nothing left to discount with this code."),
    "coupon_not_started": N_("This code is not valid yet."),
    "coupon_nothing_eligible": N_("This code doesn't apply to anything in your cart."),
    "coupon_superseded": N_("This code can't be combined with your other offers, which save you more."),
    "coupon_too_many": N_("Your cart has the maximum number of codes. Remove one first."),
    "coupon_unknown": N_("We don't recognize this code. Check the spelling."),
    "coupon_used_by_you": N_("You have reached the limit for using this code."),
    "coupon_used_up": N_("This code has been used up."),
    "not_for_sale": N_("This product isn't for sale in this shop."),
    "form_already_sent": N_("This was already done. Reload the page to see it."),
    "not_in_cart": N_("This item is no longer in your cart."),
    # --- catalog ---
    "category_has_children": N_("There are categories below this one. Move or delete them first."),
    "category_has_collection": N_(
        "The collection “%(collection)s” has a condition about this category. Change the collection first."
    ),
    "collection_condition_required": N_("Add at least one condition."),
    "collection_has_rules": N_("The products of this collection are chosen by its conditions."),
    "collection_not_found": N_("We couldn't find this collection."),
    "collection_slug_taken": N_("Another collection already uses this address."),
    "collection_title_length": N_("Enter a title of 1 to %(maximum)s characters."),
    "condition_value_required": N_("Enter a value for this condition."),
    "price_bound_required": N_("Enter a lowest price, a highest price, or both."),
    "price_bounds_reversed": N_("The highest price is below the lowest."),
    "too_many_chosen_products": N_("A collection can have up to %(limit)s chosen products."),
    "too_many_collections": N_("Your shop can have up to %(limit)s collections."),
    "too_many_conditions": N_("A collection can have up to %(limit)s conditions."),
    "category_name_length": N_("Enter a name of 1 to %(maximum)s characters."),
    "category_not_found": N_("The category %(category)s doesn't exist."),
    "nothing_to_duplicate": N_("This product has no active variant to copy."),
    "option_not_found": N_("We couldn't find this option. Someone may have removed it."),
    "option_incomplete": N_("The option %(option)s needs a name and at least one value."),
    "category_parent_impossible": N_(
        "The category can't be placed there. Categories have at most %(levels)s levels."
    ),
    "category_slug_taken": N_("Another category already uses this address."),
    "option_names_not_unique": N_("Each option needs a name, and names must be different."),
    "option_value_required": N_("Enter a value for each option."),
    "option_values_not_unique": N_("The option %(option)s has a value twice."),
    "options_differ": N_("Enter a value for each of these options and no others: %(options)s."),
    "options_repeated": N_("Another variant of this product has the same options."),
    "picture_damaged": N_("This file is damaged, or isn't a JPEG, PNG, or WebP image."),
    "picture_file_too_large": N_("This image file is larger than %(megabytes)s MB."),
    "picture_not_found": N_("We couldn't find this picture. Someone may have removed it."),
    "picture_needs_memory": N_("This image needs too much memory to be read."),
    "picture_too_many_pixels": N_("This image has more than %(megapixels)s megapixels."),
    "price_out_of_range": N_("Enter a valid price."),
    "product_code_invalid": N_(
        "A product code can have letters, numbers, underscores, and single hyphens between them."
    ),
    "product_code_taken": N_("A product with the code %(code)s already exists."),
    "product_limit_reached": N_("Your plan includes %(limit)s products. Upgrade your plan to add more."),
    "product_was_sold": N_("Orders have this product, so it can't be deleted. Archive it instead."),
    "product_without_options": N_("This product has one variant only, so it doesn't have options."),
    "several_variants": N_("This product has several variants. Update them one by one."),
    "sku_invalid": N_("A SKU is one line of 1 to 255 visible characters (Unicode NFC)."),
    "sku_just_taken": N_("This code or SKU was just used for another product."),
    "sku_repeated": N_("Another variant of this product has the same SKU."),
    "sku_slashes": N_("A SKU can't start or end with a slash, or contain “//”, “/./” or “/../”."),
    "sku_taken": N_("A variant with the SKU %(sku)s already exists."),
    "tax_class_code_invalid": N_(
        "A tax class code can have up to 20 lowercase letters, numbers, hyphens, and underscores, and "
        "starts with a letter."
    ),
    "title_length": N_("Enter a title of 1 to %(maximum)s characters."),
    "too_many_options": N_("A product can have up to %(maximum)s options."),
    "too_many_pictures": N_("A product can have up to %(maximum)s pictures."),
    "too_many_variants": N_("A product can have up to %(maximum)s variants."),
    "unknown_product_status": N_("“%(status)s” isn't a product status."),
    "variant_not_found": N_("We couldn't find this variant."),
    "weight_out_of_range": N_("Enter a weight from 0 to %(maximum)s grams."),
    "product_order_too_long": N_(
        "Only the first %(limit)s products of a category can be put in order. Move this product to the top first."
    ),
    "product_order_unknown": N_("Choose how products are sorted."),
    "slug_invalid": N_("Use 1 to %(maximum)s letters, digits and dashes."),
    "too_many_categories": N_("Your shop can have up to %(limit)s categories."),
    # --- cells of import files: ends of a sentence that begins with the value ---
    "cell_ambiguous": N_("can be read in two ways; write it with %(places)s decimals and without separators"),
    "cell_stock_ambiguous": N_("can be read in two ways; write it without separators and decimals"),
    "cell_code_rounded": N_(
        "a spreadsheet has rounded this code, so its digits are lost; format the column as text and export it again"
    ),
    "cell_currency_without_decimals": N_("%(currency)s has no decimals"),
    "cell_formula_error": N_(
        "is the error of a spreadsheet's formula; correct it there and export the file again"
    ),
    "cell_not_a_flag": N_("is neither TRUE nor FALSE"),
    "cell_not_a_number": N_("is not a number"),
    "cell_not_a_policy": N_("is neither deny nor continue"),
    "cell_not_a_tax_class": N_("is not a tax class: 1 to 20 letters, digits, '-' and '_', a letter first"),
    "cell_price_negative": N_("a price cannot be negative"),
    "cell_price_too_high": N_("is above the maximum of %(maximum)s %(currency)s"),
    "cell_scientific": N_("a spreadsheet has turned the number into scientific notation"),
    "cell_stock_negative": N_("a stock quantity cannot be negative"),
    "cell_stock_not_whole": N_("a stock quantity must be a whole number"),
    "cell_too_high": N_("is above the maximum of %(maximum)s"),
    "cell_too_many_decimals": N_("has more decimals than %(currency)s allows (%(places)s)"),
    "cell_weight_negative": N_("a weight cannot be negative"),
    "cell_weight_too_high": N_("is above the maximum of %(maximum)s grams"),
    "attribute_not_found": N_("There's no attribute “%(key)s”."),
    "attribute_of_variants": N_("“%(key)s” belongs to variants. Only attributes of products can be shown."),
    # --- catalog import ---
    "file_is_inventory": N_(
        "This is an inventory file, not a product file. Import it with: flask stock import FILE --tenant CODE"
    ),
    "mapping_file_not_json": N_("%(path)s isn't a JSON file: %(error)s."),
    "mapping_file_shape": N_('%(path)s must hold one object of texts, such as {"price": "Variant Price"}.'),
    "mapping_heading_not_found": N_("The file has no heading “%(heading)s”. Headings found: %(found)s."),
    "mapping_meaning_unknown": N_(
        "“%(heading)s” isn't a heading that we read. Some that are: Handle, Title, Body (HTML), Vendor, Type, Tags, "
        "Option1 Name, Option1 Value, Variant SKU, Variant Price, Variant Inventory Qty, Image Src, Status."
    ),
    "mapping_unreadable": N_(
        "“%(text)s” isn't a mapping. Write HEADING=MEANING, such as 'price=Variant Price'."
    ),
    "no_stock_to_set": N_(
        "The file has no quantities (“%(column)s”), so there is no stock to set. Nothing was imported."
    ),
    "shopify_headings_missing": N_(
        "These aren't the column headings of a Shopify or WooCommerce product export. Rename or add these headings: "
        "%(renames)s. Or say once which column is which, and it is remembered: %(options)s. Headings found: %(found)s."
    ),
    "stock_not_in_file": N_(
        "The file has no quantities (“%(column)s”), as in exports of shops with several locations. Choose what to do: "
        "--missing-stock zero (sold out), --missing-stock untracked (sold without counting), or --missing-stock wait "
        "(drafts until you import the stock file and then this one again)."
    ),
    "upload_too_large": N_("The file is larger than %(megabytes)s MB. Split it into several files."),
    "woocommerce_headings_missing": N_(
        "These column headings of a WooCommerce product export are missing: %(columns)s. If the file has them under "
        'other names, say so: --map "YOUR HEADING=%(first)s". Headings found: %(found)s.'
    ),
    # --- checkout ---
    "address_required": N_("Enter your address first."),
    "area_unknown": N_("Choose one from the list."),
    "cart_empty": N_("Your cart is empty."),
    "cart_not_found": N_("We couldn't find this cart."),
    "contact_required": N_("Enter your contact details and address first."),
    "country_code_unknown": N_("This isn't a valid ISO 3166 country code."),
    "country_not_shipped": N_("This shop doesn't ship this order to that country."),
    "no_such_product": N_("There's no product %(product)s for sale."),
    "now_on_backorder": N_(
        "Some items sold out and are now on backorder. Check when they ship, then place your order again."
    ),
    "order_too_large": N_("The total is higher than the maximum for one order."),
    "others_buying": N_("Other customers are buying the same items right now. Try again."),
    "out_of_stock": N_("Some items are no longer available in the quantity you chose. %(shortages)s"),
    "payment_method_required": N_("Choose a payment method."),
    "payment_method_unknown": N_("Choose one of these payment methods: %(offered)s."),
    "postcode_invalid": N_("Enter a valid postal code for this country."),
    "postcode_invalid_example": N_("Enter a postal code for this country, such as %(example)s."),
    "postcode_not_in_area": N_("This postal code is not in %(area)s."),
    "price_changed": N_("The total has changed since you last saw it. Review it and place your order again."),
    "price_differs": N_("The price of %(sku)s is %(amount)s, not %(sent)s."),
    "recipient_required": N_("Enter the recipient's name."),
    "shipping_method_required": N_("Choose a shipping method."),
    "shipping_method_unknown": N_("Choose one of these shipping methods: %(offered)s."),
    "shipping_address_required": N_("Please enter a shipping address."),
    "street_required": N_("Enter a street and number."),
    "terms_not_accepted": N_("Accept the terms to place your order."),
    "terms_of_sale_changed": N_(
        "The terms changed while you were ordering. Read them again and place your order."
    ),
    "terms_changed": N_("The shop just changed its prices or terms. Review your order and try again."),
    "too_many_units": N_(
        "You can order up to %(maximum)s units of one variant, and the amount must be within the limit "
        "of an order."
    ),
    # --- files ---
    "file_cell_too_long": N_("Row %(row)s: a cell is longer than %(maximum)s characters."),
    "file_empty": N_("The file is empty."),
    "file_encoding_unknown": N_("The file isn't UTF-8 or Windows-1252 text. Save it as CSV (UTF-8)."),
    "file_has_nul": N_(
        "Line %(line)s contains a NUL byte, so the file is damaged or isn't text. Save it again as CSV "
        "(UTF-8)."
    ),
    "file_too_many_columns": N_(
        "The file has more than %(maximum)s columns. Remove those that aren't needed and import it again."
    ),
    "file_is_gzip": N_("This is a gzip archive. Unpack it and import the CSV file in it."),
    "file_is_html": N_(
        "This is a web page, not a CSV file. The download may have needed a sign-in: download it again."
    ),
    "file_is_json": N_("This is a JSON file, not a CSV file. Export the products as CSV."),
    "file_is_old_workbook": N_(
        "This is an old Excel workbook. Save the sheet as CSV (UTF-8) and import that."
    ),
    "file_is_pdf": N_("This is a PDF, not a CSV file."),
    "file_is_rss": N_("This is an RSS or product feed in XML, not a CSV file. Export the products as CSV."),
    "file_is_wordpress": N_(
        "This is a WordPress XML export. Export the products as CSV instead, under Products > All Products > Export."
    ),
    "file_is_workbook": N_(
        "This is an Excel workbook or a zip archive. Save the sheet as CSV (UTF-8) and import that."
    ),
    "file_is_xml": N_("This is an XML file, not a CSV file. Export the products as CSV."),
    "file_quote_open": N_(
        "Row %(row)s: a quotation mark is opened and never closed, so the rest of the file would end up "
        "in one cell."
    ),
    "file_quotes_broken": N_(
        "Row %(row)s: the quotation marks are wrong (%(error)s). Double the quotation marks inside a cell."
    ),
    # --- content ---
    "content_page_not_found": N_("We couldn't find this page."),
    "button_label_required": N_("Enter a label for the button, or leave its address empty."),
    "home_page_empty": N_("Add at least one section before you publish."),
    "home_page_not_found": N_("The home page is automatic. Nothing of it is edited yet."),
    "home_page_unpublished": N_("Nothing was published yet."),
    "home_section_not_found": N_("We couldn't find this section. Someone may have removed it."),
    "link_address_invalid": N_(
        "Enter a path such as /pages/contact, or an address that begins with https://."
    ),
    "menu_address_unused": N_("Leave the address empty, or choose “An address” as the target."),
    "menu_entry_not_found": N_("We couldn't find this link. Someone may have removed it."),
    "menu_full": N_("A menu can have up to %(limit)s links."),
    "menu_label_required": N_("Enter a label."),
    "menu_not_found": N_("We couldn't find this menu."),
    "menu_parent_impossible": N_("A link can't be placed there: menus are nested once."),
    "page_slug_taken": N_("Another page already uses this address."),
    "policy_exists": N_("Someone else has just written this policy."),
    "policy_stays": N_(
        "Policies can't be deleted because customers may have agreed to them. Unpublish it instead."
    ),
    "section_text_required": N_("Enter a text."),
    "section_title_required": N_("Enter a title."),
    "too_many_sections": N_("The home page can have up to %(limit)s sections."),
    "too_many_pages": N_("Your shop can have up to %(limit)s pages."),
    # --- database ---
    "busy": N_("The shop is very busy. Try again in a moment."),
    # --- events ---
    "delivery_done": N_("This event was already delivered."),
    "feed_rewound": N_("The event feed was restored to an earlier point. Read it from the beginning."),
    # --- inventory ---
    "alert_conflict": N_("This email address was submitted several times at once. Try again."),
    "count_below_reserved": N_(
        "%(reserved)s units are reserved for orders, so the count can't be %(counted)s."
    ),
    "limit_below_backordered": N_(
        "%(promised)s units are already on backorder, so the limit can't be %(limit)s."
    ),
    "location_code_invalid": N_("Use up to 40 letters, numbers, hyphens, and underscores."),
    "location_code_taken": N_("A location with this code already exists."),
    "location_name_length": N_("Enter a name of 1 to %(maximum)s characters."),
    "location_not_found": N_("We couldn't find this location."),
    "location_same": N_("Choose a different location."),
    "stock_file_sku_missing": N_("The file has no “SKU” column. Columns found: %(found)s."),
    "stock_file_too_long": N_("The file has more than %(limit)s rows. Split it into smaller files."),
    "stock_file_without_units": N_("No row of the file has units: these columns are empty: %(columns)s."),
    "stock_file_units_missing": N_(
        "The file has no column of units: “on hand” for counts or “change” for adjustments. Columns "
        "found: %(found)s."
    ),
    "stock_inconsistent": N_(
        "Inventory and reservations don't match, so nothing was changed. Run: flask stock check"
    ),
    "stock_or_location_not_found": N_("We couldn't find this inventory item or location."),
    "too_many_stock_alerts": N_(
        "This email address is already on the list for %(limit)s products. We'll email you when one is "
        "back in stock."
    ),
    "units_come": N_("Units with the reason %(cause)s are added, so the adjustment must be positive."),
    "units_go": N_("Units with the reason %(cause)s are removed, so the adjustment must be negative."),
    "units_reserved": N_("Some of these units are reserved for orders. Reduce the number of units."),
    "unknown_stock_cause": N_("Choose one of these reasons: %(causes)s."),
    "warehouse_required": N_("This variant is stocked at several locations. Choose one."),
    "warehouse_unknown": N_("There's no location with the code %(warehouse)s."),
    # --- invoices ---
    "document_content_invalid": N_("This isn't the content of an invoice or credit note."),
    "document_not_found": N_("We couldn't find this invoice or credit note."),
    # --- members ---
    "customer_country_unknown": N_("“%(value)s” isn't a country code, such as DE."),
    "customer_headings_missing": N_(
        "The file has no column with email addresses. Its headings have to be in the first row."
    ),
    "row_repeats": N_("Row %(row)s says the same already."),
    "text_not_printable": N_("This can't contain control characters."),
    "customer_not_found": N_("We couldn't find this customer."),
    "merge_account_stays": N_(
        "A customer with an account can't be merged into one without. Keep the customer with the account."
    ),
    "group_in_and_out": N_("A group can't be joined and left at once."),
    "group_required": N_("Choose at least one group."),
    "merge_with_oneself": N_("Both are the same customer. Choose another one."),
    "still_open": N_(
        "You can't do this while a delivery, payment, or return is in progress for these orders: %(orders)s."
    ),
    # --- money ---
    "amount_ambiguous": N_(
        "“%(value)s” can be read in two ways. Enter %(whole)s or %(decimal)s without a thousands separator."
    ),
    "amount_too_large": N_("“%(value)s” is too large."),
    "amount_too_precise": N_("“%(value)s” has too many decimal places: %(currency)s has %(places)s."),
    "currency_unknown": N_("“%(value)s” isn't an ISO 4217 currency code."),
    "not_an_amount": N_("“%(value)s” isn't a valid amount."),
    # --- notifications ---
    "mail_variable_unknown": N_("{%(variable)s} isn't a variable of this email. Use %(known)s."),
    "mail_not_sent": N_("The mail server didn't take the email: %(error)s"),
    # --- order management ---
    "discount_negative": N_("Enter a discount of at least zero."),
    "draft_discount_out_of_range": N_("Enter a discount of at least zero and at most 100 percent."),
    "draft_not_found": N_("We couldn't find this draft order."),
    "draft_placed": N_("This draft order was already placed."),
    "edit_removes_everything": N_("This would remove every item. Cancel the order instead."),
    "edit_without_changes": N_("You haven't changed anything."),
    "line_has_refund": N_("%(title)s can't be changed because a refund was requested or made for it."),
    "line_not_in_order": N_("This item isn't part of the order."),
    "line_units_out_of_range": N_("%(title)s: enter a whole number from %(minimum)s to %(maximum)s."),
    "order_has_refunds": N_("This order has refunds, so its items and prices can't change."),
    "order_in_other_currency": N_(
        "The shop's currency has changed since this order was placed, so it can't be edited."
    ),
    "payment_in_progress": N_(
        "A payment for this order is in progress, so its total can't change right now. Try again later."
    ),
    "shipping_method_unsuitable": N_(
        "This shipping method isn't available for the order. Choose another one."
    ),
    "staff_only": N_("Only staff can do this."),
    "status_not_by_hand": N_("You can't change the status of an order to %(target)s manually."),
    "value_required": N_("This field is required."),
    # --- orders ---
    "ask_shop": N_("Contact the shop to change this: the order is %(status)s."),
    "line_not_in_return": N_("This item isn't part of the request."),
    "not_in_status": N_("You can't do this while the order is %(status)s."),
    "note_not_printable": N_("Notes can't contain control characters."),
    "note_required": N_("Enter a note."),
    "tag_invalid": N_("Tags can have up to %(maximum)s characters. Separate them by commas."),
    "too_many_customer_groups": N_("A shop can have up to %(limit)s groups of customers."),
    "too_many_customer_notes": N_("A customer can have up to %(limit)s notes."),
    "too_many_customer_tags": N_("A customer can have up to %(limit)s tags."),
    "too_many_order_tags": N_("An order can have up to %(limit)s tags."),
    "nothing_left_to_request": N_("Everything has already been refunded or requested."),
    "return_window_over": N_(
        "The return period of %(days)s days after delivery is over. Contact us if something is wrong."
    ),
    "nothing_paid": N_("Nothing has been paid yet."),
    "partly_shipped": N_("Part of this order has been shipped. Refund the other items instead."),
    "payment_required_first": N_("This order must be paid first."),
    "reason_required": N_("Enter a reason."),
    "refund_amount_changed": N_("The refund amount has changed. Review it and try again."),
    "refund_amount_negative": N_("Enter a refund amount of at least zero."),
    "refund_leaves_nothing": N_("This would leave nothing to deliver. Cancel the order instead."),
    "refund_lines_required": N_("Choose what to refund."),
    "refund_more_than_paid": N_("This is more than the amount left to refund."),
    "refund_not_available": N_("You can't request a refund for %(title)s right now."),
    "refund_not_in_status": N_("You can't refund an order that is %(status)s."),
    "refund_request_leaves_nothing": N_(
        "This would leave nothing to deliver. Refund the request in full instead."
    ),
    "refund_request_out_of_range": N_("%(title)s: you can request a refund for 1 to %(maximum)s units."),
    "refund_units_out_of_range": N_("%(sku)s: you can refund 1 to %(maximum)s units."),
    "restock_not_refunded": N_("You can only restock items that you refund."),
    "restock_units_out_of_range": N_("%(sku)s: you can restock 0 to %(maximum)s units."),
    "return_kind_required": N_("Choose a refund or a return."),
    "return_lines_required": N_("Choose at least one item."),
    "return_more_than_shipped": N_(
        "%(sku)s: only %(maximum)s units were shipped, so no more can be returned."
    ),
    "return_needs_shop": N_("Contact the shop to change this: the whole order is waiting for the answer."),
    "return_not_available": N_("%(title)s can't be returned right now."),
    "return_not_in_state": N_("You can't do this because the request is %(state)s."),
    "return_receipt_out_of_range": N_("Enter 0 to %(maximum)s returned units."),
    "return_receipt_required": N_("Enter what was returned."),
    "return_refund_out_of_range": N_("The request is for %(maximum)s units, so you can't refund more."),
    "return_restock_out_of_range": N_("Only %(maximum)s units were returned."),
    "return_units_out_of_range": N_("%(title)s: you can return 1 to %(maximum)s units."),
    "return_without_goods": N_("No items are to be returned for this request. Refund or decline it."),
    "units_not_whole": N_("Enter whole numbers."),
    "wrong_actor": N_("You can't do this yourself. It can be done by: %(actors)s."),
    # --- payments ---
    "account_details_required": N_(
        "Enter where customers pay, such as your IBAN or account number. Without it nobody can pay you."
    ),
    "card_number_invalid": N_("Your card number is invalid. Check the digits."),
    "fee_negative": N_("Enter a fee of at least zero."),
    "fee_percent_out_of_range": N_("Enter a percentage from 0 to 100."),
    "gateway_fixed": N_(
        "You can't change the provider of a payment method. Add a new payment method instead."
    ),
    "gateway_required": N_("Choose a payment provider."),
    "gateway_secret_unknown": N_("This payment provider doesn't have this key."),
    "gateway_setting_unknown": N_("This payment provider doesn't have this setting."),
    "hold_minutes_out_of_range": N_("Enter 1 to %(maximum)s minutes."),
    "cash_rounding_needs_manual": N_("Only totals of manual payment methods can be rounded."),
    "cash_rounding_out_of_range": N_("Enter the smallest coin, or 0 for no rounding."),
    "pay_later_needs_manual": N_("Only manual payment methods can be paid later."),
    "payment_keys_unreadable": N_("The stored keys can no longer be read. Enter them again."),
    "payment_method_changed": N_("Someone else changed this payment method after you opened the page."),
    "payment_method_code_invalid": N_(
        "A code can have lowercase letters, numbers, and underscores, and starts with a letter."
    ),
    "payment_method_has_orders": N_(
        "You can't delete this payment method because orders have used it. Turn it off instead."
    ),
    "payment_method_name_length": N_("Enter a name of 1 to %(maximum)s characters."),
    "payment_method_name_required": N_("Enter a name."),
    "payment_method_not_set_up": N_("This payment method isn't set up."),
    "payment_method_unavailable": N_("This payment method isn't available right now."),
    "payment_not_found": N_("We couldn't find this payment."),
    "stripe_amount_not_whole": N_(
        "Stripe reported %(counted)s in %(currency)s, which isn't a whole number of minor units."
    ),
    "stripe_amount_too_precise": N_(
        "Stripe can't charge this amount in %(currency)s because it has too many decimal places."
    ),
    "stripe_currency_unsupported": N_("Stripe doesn't accept payments in %(currency)s."),
    "stripe_keys_mixed": N_(
        "One key is for test mode and the other is for live mode. Use keys of the same mode."
    ),
    "stripe_no_answer": N_("Stripe didn't confirm the result."),
    "stripe_secret_key_required": N_("Enter your Stripe secret key."),
    "stripe_value_malformed": N_("This doesn't look like a value from your Stripe dashboard. Copy it again."),
    "test_card_not_offered": N_("The test card can't be offered in production: anyone could pay with it."),
    "test_card_in_production": N_("This payment method isn't available. Choose another one."),
    "test_card_no_answer": N_("The test payment provider didn't respond."),
    "webhook_body_invalid": N_("This isn't a Stripe event."),
    "webhook_signature_invalid": N_("The webhook signature isn't valid."),
    "webhook_url_not_found": N_("There's nothing at this URL."),
    # --- platform ---
    "not_a_percentage": N_("“%(value)s” isn't a percentage from 0 to 100, such as 19 or 8.1."),
    "operator_exists": N_("An operator with the email address %(email)s already exists."),
    # --- pricing ---
    "amount_not_positive": N_("Enter an amount above zero."),
    "coupon_code_invalid": N_(
        "A code can have 2 to 40 letters, numbers, hyphens, and underscores, and starts with a letter or "
        "number."
    ),
    "coupon_code_taken": N_("A coupon with this code already exists."),
    "coupon_not_found": N_("We couldn't find this coupon."),
    "customer_limit_below_uses": N_("One customer has already used this code %(used)s times."),
    "discount_percent_out_of_range": N_("Enter a discount of more than 0 and up to 100 percent."),
    "limit_invalid": N_("Enter a whole number of at least 1, or leave this empty for no limit."),
    "minimum_negative": N_("Enter a minimum of at least zero."),
    "promotion_ends_before_start": N_("The end must be after the start."),
    "promotion_kind_required": N_("Choose a type of promotion."),
    "promotion_label_length": N_("Enter a label of one line with up to %(maximum)s characters."),
    "promotion_not_found": N_("We couldn't find this promotion."),
    "promotion_scope_required": N_("Choose what the promotion applies to."),
    "promotion_target_gone": N_("Some of the items you chose no longer exist. Choose again."),
    "promotion_target_unknown": N_("Choose from the list."),
    "promotion_targets_count": N_("Choose 1 to %(maximum)s items."),
    "promotion_without_code": N_("This promotion is automatic and doesn't use codes."),
    "tax_class_invalid": N_(
        "A tax class can have 1 to 20 lowercase letters, numbers, hyphens, and underscores."
    ),
    "tax_country_required": N_("Choose a country, or everywhere else."),
    "tax_rate_changed": N_("Someone else changed this tax rate after you opened the page."),
    "tax_rate_exists": N_("A rate for this country and tax class already exists."),
    "tax_rate_not_found": N_("We couldn't find this tax rate."),
    "tax_rate_out_of_range": N_("Enter a tax rate from 0 to 100 percent."),
    "usage_limit_below_uses": N_("This code has already been used %(used)s times."),
    # --- reports ---
    "date_unreadable": N_("Enter a date, such as 2026-11-29."),
    "period_ends_before_it_begins": N_("Choose an end date that is not before the start date."),
    "period_too_long": N_("Choose a period of at most %(days)s days."),
    "report_not_found": N_("We couldn't find this report."),
    # --- redirects ---
    "redirect_file_too_long": N_("The file has more than %(limit)s rows. Split it into several files."),
    "redirect_headings_missing": N_("The file needs two columns with the headings “path” and “target”."),
    "redirect_loop": N_("The target leads back to %(path)s."),
    "redirect_not_found": N_("We couldn't find this redirect."),
    "redirect_row_refused": N_("A row of the file can't be imported."),
    "too_many_redirects": N_("Your shop can have up to %(limit)s redirects."),
    "redirect_path_invalid": N_("Enter a path of your shop, such as /products/old-name."),
    "redirect_path_reserved": N_("Addresses such as %(path)s can't be redirected."),
    "redirect_target_invalid": N_("Enter a path of your shop, or an address that begins with https://."),
    "redirect_to_itself": N_("A redirect can't lead to itself."),
    # --- settlement ---
    "nothing_left_to_pay": N_("There is nothing left to pay."),
    "capture_out_of_range": N_("Enter an amount up to what is authorized and due."),
    "nothing_authorized": N_("Nothing is authorized on this payment anymore."),
    "nothing_overpaid": N_("This order isn't overpaid."),
    "order_awaits_no_payment": N_("This order isn't waiting for a payment."),
    "payment_being_checked": N_("A payment is in progress and is being verified with the payment provider."),
    "payment_no_answer": N_("The payment provider hasn't confirmed yet whether the payment has ended."),
    "payment_still_checked": N_("Your last payment is still being verified. Wait a moment and check again."),
    "payment_under_review": N_("The shop is reviewing the payment it received. Don't pay again."),
    "received_amount_required": N_("Enter the amount that you received."),
    "received_on_out_of_range": N_("Enter a date that isn't in the future or too long ago."),
    "refund_made_otherwise": N_("The money was already returned by another refund."),
    "refund_no_answer": N_("The payment provider hasn't confirmed the refund yet."),
    "refund_not_failed": N_("This refund didn't fail, or it was already sent again."),
    # --- shipping ---
    "not_a_country_code": N_("“%(value)s” isn't a two-letter country code."),
    "nothing_left_to_ship": N_("There is nothing left to ship."),
    "parcel_lines_required": N_("Choose what to ship."),
    "ship_units_out_of_range": N_("%(title)s: you can ship 0 to %(maximum)s units."),
    "shipping_code_invalid": N_(
        "A code can have up to 40 lowercase letters, numbers, hyphens, and underscores."
    ),
    "shipping_code_taken": N_("Another shipping method already uses this code."),
    "shipping_method_has_orders": N_(
        "You can't delete this shipping method because orders have used it. Turn it off instead."
    ),
    "shipping_method_not_found": N_("We couldn't find this shipping method."),
    "shipping_name_length": N_("Enter a name of 1 to %(maximum)s characters."),
    "shipping_rate_countries_required": N_("Choose countries for each rate."),
    "shipping_rate_required": N_(
        "Customers can't choose a shipping method without a rate. Add a rate, or turn the method off."
    ),
    "shipping_weight_out_of_range": N_("Enter a maximum weight from 1 to %(maximum)s grams."),
    "too_many_shipping_rates": N_("A shipping method can have up to %(limit)s rates."),
    "units_for_earlier_orders": N_(
        "%(title)s (%(sku)s): %(ready)s of %(to_ship)s can be shipped now. The others aren't in stock "
        "yet. Earlier orders get the available units first: %(orders)s."
    ),
    "units_for_many_earlier_orders": N_(
        "%(title)s (%(sku)s): %(ready)s of %(to_ship)s can be shipped now. The others aren't in stock "
        "yet. Earlier orders get the available units first: %(orders)s and %(more)s more."
    ),
    "units_not_in_stock": N_(
        "%(title)s (%(sku)s): %(ready)s of %(to_ship)s can be shipped now. The others aren't in stock yet."
    ),
    # --- storefront ---
    "category_page_not_found": N_("We couldn't find this category."),
    "combination_not_made": N_("This product isn't available as: %(options)s. Choose another combination."),
    "list_page_not_found": N_("We couldn't find this page of the list."),
    # --- tenant transfer ---
    "archive_format_unknown": N_("%(file)s has a format that this version can't read."),
    "archive_other_tables": N_("The file doesn't contain the tables of this version."),
    "archive_other_version": N_(
        "The file was exported by another version (schema %(theirs)s, here %(ours)s). Update both "
        "installations to the same version."
    ),
    "archive_part_missing": N_("%(name)s in the file is missing or damaged."),
    "archive_part_too_large": N_("%(name)s in the file is too large."),
    "archive_picture_damaged": N_("The image %(name)s in the file is damaged."),
    "archive_picture_unknown": N_("“%(name)s” isn't an image of a shop."),
    "archive_row_of_other_shop": N_("%(table)s in the file has a row of another shop."),
    "archive_date_out_of_range": N_("The date in %(column)s is out of range."),
    "archive_row_refused": N_(
        "Row %(row)s of %(table)s in the file can't be imported (%(field)s). %(problems)s"
    ),
    "archive_rows_refused": N_(
        "%(table)s in the file has rows that don't fit together or break a rule: %(error)s"
    ),
    "archive_value_missing": N_("%(column)s has no value."),
    "archive_value_of_other_kind": N_("%(column)s has a value of the wrong kind."),
    "archive_row_unreadable": N_("%(table)s in the file has a row that can't be read: %(error)s"),
    "archive_table_damaged": N_("%(name)s in the file is damaged: %(error)s"),
    "archive_table_differs": N_(
        "%(name)s in the file doesn't match what was exported: its checksum or number of rows is different."
    ),
    "archive_unreadable": N_("%(file)s isn't an exported shop: %(error)s"),
    "import_differs": N_("Some data was different after the import, so nothing was saved: %(names)s."),
    "import_host_refused": N_(
        "This shop can't use the host name “%(host)s” here. Choose another one with --host."
    ),
    "passphrase_length": N_("Use a passphrase of %(minimum)s to %(maximum)s characters."),
    "passphrase_required": N_("The secrets in this file are protected by a passphrase. Enter it."),
    "passphrase_wrong": N_("This isn't the passphrase that the file was exported with."),
    "shop_exists": N_("This shop already exists here."),
    # --- tenants ---
    "choice_unknown": N_("Choose a value from the list."),
    "color_invalid": N_("Enter a color such as #2f4a3c."),
    "contrast_too_low": N_(
        "The contrast between %(text)s and %(ground)s is %(ratio)s. It must be at least 4.5."
    ),
    "currency_in_use": N_(
        "You can't change the currency from %(currency)s because there are amounts in it: %(uses)s. Open "
        "another shop for another currency."
    ),
    "host_invalid": N_("“%(value)s” isn't a valid host name."),
    "host_is_primary": N_("You can't remove the primary host name. Make another host name primary first."),
    "host_not_found": N_("We couldn't find this host name."),
    "host_reserved": N_("%(host)s belongs to the installation itself."),
    "host_taken": N_("%(host)s already leads to a shop."),
    "language_unknown": N_("“%(value)s” isn't a language code, such as en, de_AT or zh_Hant."),
    "line_required": N_("Enter one line of at most %(maximum)s characters."),
    "line_too_long": N_("Use one line of at most %(maximum)s characters."),
    "logo_not_uploaded": N_("Upload the logo here first."),
    "order_code_format_invalid": N_(
        "Use 4 to 12 “#” in a row for the number. Capital letters, numbers, and hyphens can come before "
        "it, capital letters and hyphens after it. A digit can't be next to the number."
    ),
    "invoice_series_invalid": N_(
        "Use 1 to 20 letters, numbers, hyphens, and periods, starting with a letter or number and ending with "
        "a letter, hyphen, or period: the number comes right behind it."
    ),
    "picture_not_uploaded": N_("Upload an image."),
    "seller_key_unknown": N_("The details of the business have an unknown field: %(name)s."),
    "seller_required_for_invoices": N_("Invoices need it. Enter it, or turn invoices off."),
    "shipping_price_negative": N_("Enter a shipping price of at least zero."),
    "shop_code_invalid": N_(
        "A shop code can have lowercase letters, numbers, and hyphens, and starts with a letter."
    ),
    "shop_code_not_found": N_("There's no shop with the code “%(code)s”."),
    "shop_code_or_host_taken": N_("The code “%(code)s” or one of the hosts was just taken. Try again."),
    "shop_code_taken": N_("A shop with the code “%(code)s” already exists."),
    "shop_name_length": N_("Enter a shop name of one line with up to %(maximum)s characters."),
    "shop_not_found": N_("We couldn't find this shop."),
    "suspension_reason_required": N_("Enter a reason of one line with up to %(maximum)s characters."),
    "tax_id_invalid": N_(
        "Use 4 to %(maximum)s letters and numbers. Spaces, hyphens, periods, and slashes are left out."
    ),
    "theme_key_unknown": N_("A theme can have colors, a typeface, and a logo."),
    "time_zone_unknown": N_("“%(value)s” isn't a time zone, such as Europe/Berlin."),
    "vat_id_invalid": N_(
        "A VAT number begins with the letters of its country, such as DE or FR, then has 2 to 13 letters and numbers."
    ),
    "host_unproven": N_(
        "%(host)s doesn't lead to this installation yet. Point its DNS here, wait until the change is known "
        "everywhere, then verify it."
    ),
    "too_many_hosts": N_("A shop can have up to %(limit)s host names."),
    "too_many_languages": N_("A shop can have up to %(limit)s languages."),
    "typeface_unknown": N_("Choose a typeface from the list."),
    # --- webhooks ---
    "too_many_webhooks": N_("A shop can have up to %(limit)s webhooks."),
    "unknown_event_type": N_("There is no event type “%(type)s”."),
    "url_host_unknown": N_("This host name doesn't exist."),
    "url_not_encrypted": N_("The URL must start with https:// so that others can't read what is sent."),
    "url_not_https": N_("The URL must start with https://."),
    "url_not_public": N_("This URL isn't on the public internet."),
    "url_port_not_allowed": N_("The URL must use one of these ports: %(ports)s."),
    "url_unreadable": N_("This isn't a valid URL."),
    "url_with_fragment": N_("The URL can't contain a #fragment."),
    "url_with_password": N_("The URL can't contain a user name or password."),
    "webhook_not_found": N_("We couldn't find this webhook."),
    "webhook_secret_rotated_too_often": N_(
        "You can rotate this secret up to %(limit)s times a day. Try again tomorrow."
    ),
}
"""Reason -> sentence. A placeholder is the name of a fact that every error of this reason has."""

TITLES: dict[str, str] = {
    "already_exists": N_("This already exists"),
    "busy": N_("The shop is very busy"),
    "bad_mapping": N_("This mapping can't be used"),
    "cart_changed": N_("Your cart has changed"),
    "cart_empty": N_("Your cart is empty"),
    "cart_full": N_("Your cart is full"),
    "conflict": N_("This has changed"),
    "coupon_exhausted": N_("A code can no longer be used"),
    "coupon_refused": N_("This code can't be applied"),
    "error": N_("Something went wrong"),
    "gateway_no_answer": N_("The payment provider didn't respond"),
    "import_over": N_("The import has moved on"),
    "idempotency_answer_lost": N_("This request was already processed"),
    "idempotency_key_in_flight": N_("The request is still in progress"),
    "idempotency_key_missing": N_("An idempotency key is required"),
    "idempotency_key_reused": N_("This idempotency key was used for a different request"),
    "illegal_transition": N_("This isn't possible right now"),
    "insufficient_scope": N_("This key doesn't have the required scope"),
    "invalid_value": N_("Check your entries"),
    "last_owner": N_("The shop needs an owner"),
    "link_over": N_("This link no longer works"),
    "malformed_request": N_("The request can't be read"),
    "not_allowed": N_("Not allowed"),
    "not_found": N_("Not found"),
    "not_mergeable": N_("These customers can't be merged"),
    "nothing_to_set": N_("There is no stock to set"),
    "nothing_chosen": N_("Nothing to change"),
    "plan_moved": N_("The bulk change has moved on"),
    "row_failed": N_("This couldn't be changed"),
    "out_of_stock": N_("Some items are no longer available"),
    "plan_full": N_("You've reached the limit of your plan"),
    "price_changed": N_("The total has changed"),
    "rejected": N_("Check your entries"),
    "reservation_failed": N_("There isn't enough stock"),
    "several_variants": N_("This product has several variants"),
    "host_unproven": N_("This host name isn't verified"),
    "sign_in_refused": N_("We couldn't sign you in"),
    "stale_version": N_("This was changed while you were viewing it"),
    "still_open": N_("Something is still in progress"),
    "stock_not_in_file": N_("The file has no quantities"),
    "unavailable": N_("Try again in a moment"),
    "upload_refused": N_("This file can't be uploaded"),
    "units_reserved": N_("Some units are reserved for orders"),
    "unreadable_file": N_("This file can't be read"),
}
"""Code of a family of errors -> heading."""

WORDS: dict[str, dict[str, str]] = {
    "actors": {
        "staff": N_("staff"),
        "shopper": N_("the customer"),
        "system": N_("the shop itself"),
        "gateway": N_("the payment provider"),
        "carrier": N_("the carrier"),
    },
    "text": {
        "ink": N_("the text"),
        "muted": N_("the secondary text"),
        "accent": N_("the accent color"),
        "accent_ink": N_("the text of buttons"),
        "good": N_("the color of success messages"),
        "warn": N_("the color of warnings"),
        "bad": N_("the color of error messages"),
    },
    "ground": {
        "paper": N_("the page background"),
        "surface": N_("panels and fields"),
        "accent": N_("the accent color"),
        "good": N_("the color of success messages"),
        "warn": N_("the color of warnings"),
        "bad": N_("the color of error messages"),
    },
}
"""Fact -> code -> the words for it, for facts whose codes are not words of their own."""

SHORTAGE = N_("%(title)s (%(sku)s): %(wanted)s wanted, %(available)s left")


def describe(error: CommerceError | FieldError | Refusal) -> str:
    """Return an error as a sentence for a person, in the language of the request. It is plain text, never markup."""
    facts = {name: _shown(name, value, error.facts) for name, value in error.facts.items()}
    return _translated(MESSAGES[error.reason]) % facts


def describe_field(error: FieldError) -> str:
    """Return what is wrong with one field as a sentence for a person."""
    return describe(error)


def title_of(error: CommerceError) -> str:
    """Return the heading for an error's family."""
    return _translated(TITLES[error.code])


def _translated(text: str) -> str:
    # The one place where a text that is no constant is translated: each is one of the constants above.
    return str(gettext(text)) if has_app_context() else text


def _shown(name: str, value: Any, facts: Mapping[str, Any]) -> str:
    """Return a fact as people read it. Amounts are minor units of the fact `currency`."""
    if name == "roles":
        return format_list(value, locale=_locale())
    if isinstance(value, list | tuple):
        separator = "; " if value and isinstance(value[0], Shortage) else " " if name == "problems" else ", "
        return separator.join(_shown(name, each, facts) for each in value)
    if isinstance(value, FieldError):
        return describe_field(value)
    if isinstance(value, Shortage):
        words = vars(value) | {"wanted": str(value.wanted), "available": str(value.available)}
        return _translated(SHORTAGE) % words
    if name.endswith("amount") and isinstance(value, int) and facts.get("currency"):
        return format_money(value, facts["currency"], _locale())
    if isinstance(value, date):
        return _moment(value)
    if name in WORDS and value in WORDS[name]:
        return _translated(WORDS[name][value])
    return str(value).replace("_", " ") if name in _CODES else str(value)


_CODES = frozenset({"action", "role", "roles", "state", "status", "target"})
"""Facts that are codes, which read as words once their underscores are spaces."""


def _locale() -> str:
    return str(get_locale() or "en") if has_app_context() else "en"


def _moment(value: date) -> str:
    if not has_app_context():
        return value.isoformat()
    show: Callable[..., str] = format_datetime if isinstance(value, datetime) else format_date
    return str(show(value))
