"""Which encoding a file has, told by what its letters become."""

import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Rejected
from app.core.reading import encodings, text
from app.core.reading.encodings import Way, detect, samples

PEOPLE = {
    "de": ["Vorname;Nachname;Straße;Ort", "Jörg;Müller;Hauptstraße 5;Köln", "Käthe;Groß;Am Zoo 1;München"],
    "fr": ["Prénom;Nom;Société", "François;Lefèvre;Crédit Léger", "Zoë;Gauthier;Hôtel Étoile"],
    "es": ["Nombre;Apellidos;Teléfono", "José;Núñez;+34 911 234 567", "Íñigo;Muñoz;"],
    "pt": ["Nome;Apelido;Endereço", "João;Conceição;Rua São Bento"],
    "sv": ["Förnamn;Efternamn", "Åsa;Björk", "Örjan;Sjöström"],
    "da": ["Fornavn;Efternavn", "Søren;Kjær", "Åse;Østergård"],
    "is": ["Nafn;Sími", "Þórður Guðmundsson;1", "Ýmir Ægisson;2"],
    "pl": ["Imię;Nazwisko;Miasto", "Łukasz;Wiśniewski;Łódź", "Małgorzata;Dąbrowska;Kraków"],
    "cs": ["Jméno;Příjmení;Město", "Jiří;Dvořák;Plzeň", "Zdeňka;Růžičková;Brno"],
    "hu": ["Vezetéknév;Keresztnév", "Kovács;Győző", "Szűcs;Ildikó"],
    "ro": ["Nume;Prenume;Oraş", "Ionescu;Ştefan;Braşov", "Popa;Mihăiţă;Iaşi"],
    "hr": ["Ime;Prezime", "Đorđe;Šarić", "Željka;Čavić"],
    "tr": ["Ad;Soyad;Şehir", "Gülşah;Yıldız;İstanbul", "Oğuz;Çelik;Muğla"],
    "lt": ["Vardas;Pavardė", "Žydrūnas;Kazlauskas", "Rūta;Šimkutė"],
    "lv": ["Vārds;Uzvārds", "Jānis;Bērziņš", "Līga;Kalniņa"],
    "el": ["Όνομα;Επώνυμο", "Γιώργος;Παπαδόπουλος", "Ελένη;Άγγελου"],
    "ru": ["Имя;Фамилия;Телефон", "Иван;Петров;1", "Ольга;Щербакова;2"],
    "uk": ["Ім'я;Прізвище", "Олексій;Шевченко", "Їжакевич;Євген"],
    "he": ["שם;משפחה", "דוד;כהן"],
    "ar": ["الاسم;العائلة", "محمد;الأحمد"],
    "ja": ["氏名;会社;電話", "田中 太郎;株式会社サクラ;03-1234-5678", "さくら;鈴木商店;"],
    "zh": ["姓名;电话;公司", "王小明;13800138000;北京科技有限公司", "李娜;;上海贸易公司"],
    "tw": ["姓名;電話;公司", "王小明;0912345678;台北科技股份有限公司", "林淑惠;;高雄貿易"],
    "ko": ["이름;전화번호;회사", "김민수;010-1234-5678;서울상사", "박지영;;대한물산"],
}
WRITTEN = {
    "utf-8": "de ja ru he",
    "utf-16le": "de ja ru",
    "utf-16be": "de ja",
    "utf-32le": "de ja",
    "utf-32be": "de",
    "windows-1252": "de fr es pt sv da is",
    "iso-8859-1": "de fr es pt sv da is",
    "iso-8859-15": "de fr",
    "macintosh": "de fr es pt sv da",
    "ibm850": "de fr es da",
    "windows-1250": "pl cs hu ro hr de",
    "iso-8859-2": "pl cs hu ro hr",
    "ibm852": "pl cs",
    "windows-1254": "tr",
    "iso-8859-9": "tr",
    "windows-1257": "lt lv",
    "iso-8859-13": "lt lv",
    "windows-1253": "el",
    "iso-8859-7": "el",
    "windows-1251": "ru uk",
    "koi8-r": "ru",
    "koi8-u": "uk",
    "iso-8859-5": "ru uk",
    "ibm866": "ru",
    "x-mac-cyrillic": "ru uk",
    "windows-1255": "he",
    "windows-1256": "ar",
    "shift_jis": "ja",
    "euc-jp": "ja",
    "gb18030": "zh",
    "big5": "tw",
    "euc-kr": "ko",
}
FILES = [(name, language) for name, languages in WRITTEN.items() for language in languages.split()]


@pytest.mark.parametrize("rows", [2, 99])
@pytest.mark.parametrize(("name", "language"), FILES)
def test_a_header_and_a_row_are_enough_to_see_the_encoding(name: str, language: str, rows: int) -> None:
    written = "\r\n".join(PEOPLE[language][:rows]) + "\r\n"
    head = written.encode(text.CODECS[name])
    first = detect(head)[0]
    assert text.decoded(head, first.encoding).decode() == written
    assert first.repair is None


NAMES: dict[str, str] = json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))
NAMES_WRITTEN = {
    "windows-1252": "de fr es pt it sv da",
    "macintosh": "de fr es pt it sv da",
    "iso-8859-15": "de fr",
    "ibm850": "de fr es da sv",
    "windows-1250": "pl cs hu",
    "iso-8859-2": "pl cs hu",
    "windows-1254": "tr",
    "windows-1257": "lt lv",
    "windows-1253": "el",
    "iso-8859-7": "el",
    "windows-1251": "ru uk bg",
    "koi8-r": "ru bg",
    "koi8-u": "uk",
    "iso-8859-5": "ru bg uk",
    "ibm866": "ru",
    "x-mac-cyrillic": "ru uk",
    "shift_jis": "ja",
    "euc-jp": "ja",
    "gb18030": "zh",
    "big5": "tw",
    "euc-kr": "ko",
}


def test_of_six_rows_of_names_under_an_english_header_nearly_all_are_seen() -> None:
    chance = random.Random(7)
    right = []
    for name, languages in NAMES_WRITTEN.items():
        for language in languages.split():
            names = NAMES[language].split()
            rows = [f"{chance.choice(names)};{chance.choice(names)};x{number}@example.com" for number in range(6)]
            head = "\r\n".join(["First Name;Last Name;Email", *rows]).encode(text.CODECS[name], "ignore")
            written = head.decode(text.CODECS[name])
            read = [text.decoded(head, way.encoding).decode(errors="replace") for way in detect(head)]
            assert written in read
            right.append(read[0] == written)
    assert sum(right) >= 0.95 * len(right)


@pytest.mark.parametrize("name", ["utf-8", "utf-16le", "utf-16be", "utf-32le", "utf-32be", "gb18030"])
def test_a_byte_order_mark_decides(name: str) -> None:
    assert detect(text.mark(name) + "Name\nAnn\n".encode(text.CODECS[name]))[0].encoding == name


def test_runners_up_read_differently_and_show_names() -> None:
    head = "Vorname;Straße\r\nJörg;Am Zoo\r\nKäthe;Weg 1\r\n".encode("cp1252")
    ways = detect(head)
    shown = [samples(head, way) for way in ways]
    assert (ways[0].encoding, shown[0]) == ("windows-1252", "Jörg, Käthe")
    assert len(set(shown)) == len(shown) > 1
    assert [way.score for way in ways] == sorted((way.score for way in ways), reverse=True)


def test_samples_are_headers_where_nothing_else_has_letters() -> None:
    assert samples("Größe;Name\n1;Ann\n".encode(), Way("utf-8", 1.0)) == "Größe"
    assert samples(b"Name\nAnn\n", Way("utf-8", 1.0)) == ""


def test_a_bad_byte_in_a_file_of_utf_8_makes_it_no_other_encoding() -> None:
    rows = "".join(f"Jürgen {number};Köln\n" for number in range(30)).encode()
    head = b"Vorname;Ort\n" + rows + b"J\xfcrgen;Bonn\n" + rows
    assert detect(head)[0].encoding == "utf-8"


def test_a_character_cut_at_the_end_of_the_head_is_no_error() -> None:
    for name in ("utf-8", "shift_jis", "gb18030"):
        head = "氏名,会社\n田中太郎,鈴木商店\n東京".encode(text.CODECS[name])[:-1]
        assert detect(head, whole=False)[0].encoding == name


@pytest.mark.parametrize("repair", ["utf-8-read-as-windows-1252", "utf-8-read-as-latin-1"])
def test_damaged_text_is_offered_to_be_mended_and_never_mended_unasked(repair: str) -> None:
    codec = "cp1252" if repair.endswith("1252") else "latin-1"
    written = "Vorname;Ort\nJörg;München\nKäthe;Größe\n".encode().decode(codec, "replace")
    head = written.encode()
    first, second, *_ = detect(head)
    assert first == Way("utf-8", 1.0)
    assert second.repair == repair
    assert samples(head, second) == "Jörg, München, Käthe"


def test_damaged_text_in_any_encoding_is_seen() -> None:
    head = "Vorname;Ort\r\nJÃ¶rg;MÃ¼nchen\r\n".encode("utf-16")
    assert [(way.encoding, way.repair) for way in detect(head)][:2] == [
        ("utf-16le", None),
        ("utf-16le", "utf-8-read-as-windows-1252"),
    ]


def test_right_text_is_not_offered_to_be_mended() -> None:
    for language in PEOPLE:
        assert all(way.repair is None for way in detect("\n".join(PEOPLE[language]).encode()))


def test_zeros_alone_make_no_utf_16() -> None:
    assert detect("Name;Ort\nJör\0g;Köln\n".encode() + b"x" * 5000)[0].encoding == "utf-8"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("UTF8", "utf-8"),
        ("us-ascii", "utf-8"),
        ("Latin-1", "iso-8859-1"),
        ("ISO_8859-15", "iso-8859-15"),
        ("cp1252", "windows-1252"),
        ("ANSI", "windows-1252"),
        ("MacRoman", "macintosh"),
        ("Shift-JIS", "shift_jis"),
        ("cp932", "shift_jis"),
        ("GBK", "gb18030"),
        ("cp949", "euc-kr"),
        ("Big5-HKSCS", "big5"),
        ("KOI8_R", "koi8-r"),
        ("utf-16", "utf-16le"),
    ],
)
def test_an_encoding_has_many_names_and_one_of_ours(name: str, ours: str) -> None:
    assert text.encoding(name) == ours
    assert text.encoding(ours) == ours


def test_the_mark_says_which_byte_order_is_meant() -> None:
    assert text.encoding("utf-16", b"\xfe\xff\0A") == "utf-16be"
    assert text.encoding("UTF-32", b"\0\0\xfe\xff") == "utf-32be"


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(Rejected, match="encoding_unknown"):
        text.encoding("klingon")


@settings(max_examples=60)
@given(st.binary(max_size=300), st.booleans())
def test_any_head_has_an_encoding(head: bytes, whole: bool) -> None:
    ways = detect(head, whole=whole)
    assert 1 <= len(ways) <= encodings.OFFERED
    for way in ways:
        samples(head, way)


HOSTILE = {
    "random": random.Random(1).randbytes(1 << 18),
    "all high": bytes(random.Random(2).randrange(128, 256) for _ in range(1 << 18)),
    "one byte": b"\xff" * (1 << 18),
    "one word": b"abc\xfc" * (1 << 16),
    "capitals": "аЯ".encode("cp1251") * (1 << 17),
    "cells": b"\xe9," * (1 << 17),
    "other cells": b",".join(b"%d\xe9x" % number for number in range(37_000)),
    "damaged": "Ã©".encode() * (1 << 16),
    "ideographs": "田中太郎,".encode("gb18030") * 29_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_any_head_of_256_kb_takes_200_ms_at_most(kind: str) -> None:
    head = HOSTILE[kind][: 1 << 18]
    detect(head[:1000])
    started = time.process_time()
    for way in detect(head, whole=False):
        samples(head, way)
    assert time.process_time() - started < 0.2
