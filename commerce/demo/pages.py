"""Pages and policies of the demo shops, in plain words of our own. Nothing is really sold there, and they say so."""

from __future__ import annotations

from commerce.content.services import PageValues, create_page

PAGES = (
    (
        "About us",
        """<p>%(shop)s is a demo shop. You can browse it, fill a cart and place orders as often as you like.</p>
<p>Nothing is really sold here: no money is taken and nothing is sent.</p>""",
    ),
    (
        "Contact",
        """<p>Write to us at <a href="mailto:%(email)s">%(email)s</a>. We answer within two working days.</p>
<p>Looking for an order? Open the link in its confirmation, or <a href="/orders/find">find your order</a>.</p>""",
    ),
)
POLICIES = {
    "imprint": (
        "Imprint",
        """<p>%(shop)s<br>1 Example Street<br>12345 Example Town</p>
<p>Email: <a href="mailto:%(email)s">%(email)s</a></p>
<p>This is the imprint of a demo shop. Replace it with the name, address and registration of your company.</p>""",
    ),
    "privacy": (
        "Privacy policy",
        """<h2>What we store</h2>
<p>To send an order we store your name, address and email address. We keep them as long as the law asks us to keep
records of sales. The contents of a cart are deleted some weeks after its last change.</p>
<h2>Cookies</h2>
<p>We set cookies that the shop needs: one that remembers your cart, one that keeps forms safe, and one if you sign in.
There is no tracking and nothing is loaded from other sites.</p>
<h2>Your rights</h2>
<p>You can download what we store about your account, correct it, and ask us to erase it.</p>""",
    ),
    "terms": (
        "Terms of sale",
        """<h2>Orders</h2>
<p>By placing an order you make an offer to buy. The contract is made when we confirm the order by email.</p>
<h2>Prices and payment</h2>
<p>The prices shown at checkout apply. Until an order is paid, its goods are reserved for the time shown with it.</p>
<h2>Delivery</h2>
<p>We send orders in the time that is shown with the shipping method. You get an email with the tracking code.</p>
<h2>This is a demo</h2>
<p>Nothing is really sold in this shop. Replace these terms with your own.</p>""",
    ),
    "withdrawal": (
        "Right of withdrawal",
        """<p>You can withdraw from a purchase within 14 days of receiving the goods, without giving a reason.</p>
<p>Open your order with the link in its confirmation and request a return there, or write to
<a href="mailto:%(email)s">%(email)s</a>. We refund what you paid, including standard shipping, within 14 days.</p>""",
    ),
    "shipping": (
        "Shipping and delivery",
        """<p>The checkout shows every shipping method for your country with its price and time.</p>
<p>Each parcel has a tracking code, which we send you by email. An order may arrive in several parcels.</p>""",
    ),
}


def write_pages(shop: str, email: str) -> None:
    """Publish the pages and policies of a demo shop in the shop that is entered."""
    facts = {"shop": shop, "email": email}
    for title, body in PAGES:
        create_page(PageValues(title, body % facts), publish=True)
    for policy, (title, body) in POLICIES.items():
        create_page(PageValues(title, body % facts), policy=policy, publish=True)
