"""What Addressbus should show of an account: contacts in the shape of its API (design.md section 6).

The simulator makes a person first and a provider's JSON from it, so the oracle is what was there before, never a
reading of that JSON. How a provider's field is to be understood:

    Google                                  Addressbus
    names[0].displayName                    name, as written (composed of the parts where there is none)
    honorificPrefix/givenName/middleName/familyName/honorificSuffix    prefix given middle family suffix
    nicknames[0].value                      nickname
    emailAddresses[] value, type            emails value (lower case, domain as IDNA), label
    phoneNumbers[] value, canonicalForm     phones raw, value
    organizations[]                         company, department, title of the primary one, else of a current
                                            one, else of the first
    addresses[]                             street = streetAddress, extendedAddress, poBox on lines of their own; only a
                                            formattedValue: that; country = country, else countryCode
    birthdays[0].date                       `1984-03-07`, without year (or year 0) `--03-07`
    biographies[0]                          notes; TEXT_HTML made text without scripts and styles; TEXT_PLAIN as it is
    urls[], contactGroups of the user       urls; labels (formattedName)

    Graph                                   Addressbus
    displayName title givenName middleName surname generation nickName  name prefix given middle family suffix nickname
    emailAddresses[].address                emails, label "" (its `name` is no name of the person)
    businessPhones homePhones mobilePhone   phones, labels work, home, mobile
    businessAddress homeAddress otherAddress    addresses, labels work, home, other; countryOrRegion = country
    companyName department jobTitle         company department title
    birthday                                its date as written, never shifted; year 1604 = no year; year 0001 = none
    businessHomePage categories personalNotes   urls (label work), labels, notes (plain text)

Labels of kinds are lower-case words: `homeFax` -> `home fax`, `workMobile` -> `work mobile`, `homePage` -> `home page`;
a person's own kinds stay as they are. No contact of a provider is a rejected row: it has an id, if nothing else. What
is no e-mail address, no link (`javascript:`) or no birthday (only a year, only a text) is kept in `custom`.
"""
