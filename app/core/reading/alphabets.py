"""What tells one language's names, places and table headers from bytes read in a wrong encoding.

Letters per language as every primer lists them, capitals follow from them; for languages written in many thousand
characters the everyday ones: family names, what given names are made of, places, and words of address books.
"""

from functools import cache
from typing import NamedTuple


class Alphabet(NamedTuple):
    """The letters beyond ASCII of one language; `common` ones are in nearly every line of a list of people.

    `headers` are ASCII pieces of its words for "first name" and "family name".
    """

    language: str
    letters: str
    common: str = ""
    headers: tuple[bytes, ...] = ()


LATIN = (
    Alphabet("de", "äöüß", headers=(b"vorname", b"nachname")),
    Alphabet("fr", "àâæçéèêëîïôœùûüÿ", headers=(b"nom de famille", b"soci")),
    Alphabet("es", "áéíóúüñ¿¡ºª", headers=(b"nombre", b"apellido")),
    Alphabet("pt", "áâãàçéêíóôõúºª", headers=(b"apelido", b"sobrenome")),
    Alphabet("it", "àèéìíòóùú", headers=(b"cognome", b"azienda")),
    Alphabet("nl", "éëïóöüáèê", headers=(b"voornaam", b"achternaam")),
    Alphabet("sv", "åäöéü", headers=(b"efternamn",)),
    Alphabet("fi", "äöå", headers=(b"etunimi", b"sukunimi")),
    Alphabet("da", "æøåéö", headers=(b"fornavn", b"efternavn", b"etternavn")),
    Alphabet("ca", "àçèéíïòóúü·", headers=(b"cognom",)),
)
ICELANDIC = (Alphabet("is", "áéíóúýæöðþ", headers=(b"nafn",)),)
CENTRAL = (
    Alphabet("pl", "ąćęłńóśźż", headers=(b"nazwisko",)),
    Alphabet("cs", "áčďéěíňóřšťúůýž", headers=(b"jmen",)),
    Alphabet("sk", "áäčďéíĺľňóôŕšťúýž", headers=(b"priezvisko",)),
    Alphabet("hu", "áéíóöőúüű", headers=(b"vezet", b"kereszt")),
    Alphabet("ro", "ăâîșțşţ", headers=(b"prenume",)),
    Alphabet("hr", "čćđšž", headers=(b"prezime",)),
    Alphabet("de", "äöüß", headers=(b"vorname", b"nachname")),
)
TURKISH = (Alphabet("tr", "çğıİöşüâî", headers=(b"soyad",)),)
BALTIC = (
    Alphabet("lt", "ąčęėįšųūž", headers=(b"pavard", b"vardas")),
    Alphabet("lv", "āčēģīķļņšūž", headers=(b"uzv",)),
    Alphabet("et", "äõöüšž", headers=(b"eesnimi", b"perekonnanimi")),
)
GREEK = (Alphabet("el", "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώϊϋς", "αεηικλμνοπρστυάέίόύς"),)
CYRILLIC = (
    Alphabet("ru", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "аеиоунртвсклйм"),
    Alphabet("uk", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя’", "аеиоунртвсклйім"),
    Alphabet("be", "абвгдеёжзійклмнопрстуўфхцчшыьэюя", "аеоунртвсклйі"),
    Alphabet("bg", "абвгдежзийклмнопрстуфхцчшщъьюя", "аеиоунртвсклйм"),
    Alphabet("sr", "абвгдђежзијклљмнњопрстћуфхцчџш", "аеиоунртвсклјм"),
)
HEBREW = (Alphabet("he", "אבגדהוזחטיךכלםמןנסעףפץצקרשת"),)
ARABIC = (Alphabet("ar", "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةى"),)

JAPANESE = (
    "田中山本木村林佐藤鈴高橋渡辺伊加吉小松井上斎清水森池岡石川原前後長谷野島崎大久保西東南北内外宮青福三浦岩平神今千葉安部近"
    "子美一郎太次介之助男夫雄彦樹弘明健翔優真由紀恵香里奈花華愛和幸正義信秀英光直純隆智哲也亮拓哉裕洋浩博誠修進勝豊茂"
    "氏名姓性別電話番号携帯自宅会社部署役職住所郵便国都道府県市区町村丁目株式有限生年月日備考社勤務先敬称様表示読仮"
    "京阪横浜札幌仙台名古屋戸広"
)
CHINESE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文志海云春梅龙飞鹏宇轩子涵浩欣怡梓思嘉雨晨一"
    "姓名字电话手机号码邮箱箱子邮件公司单位部门职务职位地址城市省区县路街道邮编备注生日性别年月日联系人客户传真网站国家北京上海广州深圳"
    "杭南天津重庆成都武汉西安苏大学有限技术科中东山"
)
TAIWANESE = (
    "王李張劉陳楊黃趙吳周徐孫馬朱胡郭何高林羅鄭梁謝宋唐許韓馮鄧曹彭曾蕭田董袁潘于蔣蔡余杜葉程蘇魏呂丁任沈姚盧姜崔鍾譚陸汪范金石洪邱"
    "偉芳娜敏靜麗強磊軍洋勇豔傑娟濤明超秀霞平剛桂英華玉蘭紅建國文志海雲春梅龍飛鵬宇軒子涵浩欣怡思嘉雨晨一淑惠雅婷俊宏家豪美玲"
    "姓名字電話手機行動號碼電子郵件信箱公司單位部門職務職稱地址城市省區縣路街道巷弄樓郵遞編備註生日性別年月日聯絡人客戶傳真網站國家臺"
    "台北中南新竹高雄桃園基隆香港九龍有限科技大學東山"
)
KOREAN = (
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진지영수현준호은경희미숙자순철상재동선원연"
    "름성명전화번호휴대폰이메일주소회사부서직책직위우편생년월일비고메모도시군읍면길로국가한서울부산대구인천광주대전울산경기"
    "주식소속집팩스별칭그룹"
)
FOREIGN = 0.1
"""The weight of a letter of a language that an encoding can write as well, among letters of another one."""


@cache
def weights(alphabet: Alphabet) -> dict[str, float]:
    """Letter -> how much it speaks for this language, from 0.8 to 1."""
    common = alphabet.common or alphabet.letters
    found = {letter: 1.0 if letter in common else 0.8 for letter in alphabet.letters}
    return found | {letter.upper(): weight for letter, weight in found.items() if len(letter.upper()) == 1}
