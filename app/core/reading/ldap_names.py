"""What attributes of LDAP mean (RFC 4519, inetOrgPerson, Mozilla's and Microsoft's schemas), in small letters."""

PHONES = {
    "telephonenumber": "work",
    "othertelephone": "work",
    "ipphone": "work",
    "homephone": "home",
    "otherhomephone": "home",
    "mobile": "mobile",
    "mobiletelephonenumber": "mobile",
    "cellphone": "mobile",
    "othermobile": "mobile",
    "facsimiletelephonenumber": "work fax",
    "fax": "work fax",
    "homefacsimiletelephonenumber": "home fax",
    "pager": "pager",
    "pagerphone": "pager",
}
URLS = {
    "mozillaworkurl": "work",
    "workurl": "work",
    "wwwhomepage": "work",
    "url": "",
    "mozillahomeurl": "home",
    "homeurl": "home",
    "labeleduri": "",
}
CUSTOM = {
    "mozillacustom1": "Custom 1",
    "mozillacustom2": "Custom 2",
    "mozillacustom3": "Custom 3",
    "mozillacustom4": "Custom 4",
    "custom1": "Custom 1",
    "custom2": "Custom 2",
    "custom3": "Custom 3",
    "custom4": "Custom 4",
    "nsaimid": "AIM",
    "employeenumber": "Employee number",
    "employeetype": "Employee type",
    "roomnumber": "Room",
    "physicaldeliveryofficename": "Office",
    "carlicense": "Car license",
    "preferredlanguage": "Language",
    "businesscategory": "Business category",
    "manager": "Manager",
    "secretary": "Assistant",
    "assistant": "Assistant",
    "spousename": "Spouse",
    "anniversary": "Anniversary",
}
"""Texts that are kept as custom fields, and how those are called."""

TEXTS = frozenset(
    "cn displayname name givenname gn middlename initials sn surname personaltitle generationqualifier mozillanickname "
    "xmozillanickname nickname o company organizationname ou department departmentnumber orgunit title description "
    "info notes birthyear birthmonth birthday dateofbirth birthdate street streetaddress mozillaworkstreet2 "
    "postofficebox l localityname locality st stateorprovincename region postalcode zip co c countryname "
    "friendlycountryname mozillahomestreet homestreet mozillahomestreet2 mozillahomelocalityname homecity "
    "mozillahomestate homestate mozillahomepostalcode homepostalcode mozillahomecountryname homecountry "
    "postaladdress homepostaladdress".split()
)
"""What is looked at by name."""

OMITTED = frozenset(
    "dn version changetype control objectclass uid userpassword sambantpassword sambalmpassword jpegphoto photo "
    "thumbnailphoto thumbnaillogo audio usercertificate usersmimecertificate userpkcs12 cacertificate modifytimestamp "
    "createtimestamp creatorsname modifiersname entryuuid entrycsn entrydn entryid structuralobjectclass "
    "hassubordinates subschemasubentry nsuniqueid numsubordinates contextcsn mozillausehtmlmail xmozillausehtmlmail "
    "mozillahtmlmail popularityindex preferdisplayname uidnumber gidnumber homedirectory loginshell gecos "
    "objectguid objectsid objectcategory instancetype whencreated whenchanged usncreated usnchanged "
    "useraccountcontrol badpwdcount badpasswordtime codepage countrycode lastlogoff lastlogon lastlogontimestamp "
    "logoncount primarygroupid accountexpires samaccountname samaccounttype userprincipalname pwdlastset "
    "distinguishedname dscorepropagationdata admincount legacyexchangedn mailnickname showinaddressbook "
    "homemdb homemta mdbusedefaults protocolsettings replicatedobjectversion targetaddress member uniquemember "
    "search result xevolutionuuid fileas evolutionversion primarygroup name".split()
)
"""What is about the directory, or secret, or no text."""

OMITTED_BEGINNINGS = (
    "msexch",
    "msds-",
    "msrtcsip",
    "ms-",
    "shadow",
    "samba",
    "krb",
    "authorized",
    "pwd",
    "ds-",
    "nsrole",
)
