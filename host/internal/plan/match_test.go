package plan

import "testing"

func TestMatchingMakesCodesAlike(t *testing.T) {
	every := []string{MatchTrim, MatchCase, MatchPersian, MatchZWNJ}
	for name, c := range map[string]struct {
		rules []string
		a, b  string
		alike bool
	}{
		"the same":                                     {nil, "AB-12", "AB-12", true},
		"nothing chosen, nothing forgiven":             {nil, "AB-12", "AB-12 ", false},
		"a blank behind it, as spreadsheets leave it":  {[]string{MatchTrim}, "AB-12 ", "AB-12", true},
		"a tab and a line break":                       {[]string{MatchTrim}, "\tAB-12\r\n", "AB-12", true},
		"a no-break space behind it, from a web page":  {[]string{MatchTrim}, "AB-12\u00A0", "AB-12", true},
		"a no-break space inside":                      {[]string{MatchTrim}, "AB\u00A012", "AB 12", true},
		"two blanks inside are not one":                {[]string{MatchTrim}, "AB  12", "AB 12", false},
		"blanks are not left out":                      {every, "AB 12", "AB12", false},
		"a hyphen is part of a code":                   {every, "AB-12", "AB12", false},
		"small letters":                                {[]string{MatchCase}, "ab-12", "AB-12", true},
		"small letters where case counts":              {[]string{MatchTrim}, "ab-12", "AB-12", false},
		"Greek final sigma":                            {[]string{MatchCase}, "ΟΔΟΣ", "οδος", true},
		"Cyrillic":                                     {[]string{MatchCase}, "ЖК-5", "жк-5", true},
		"the sign for kelvin is a K":                   {[]string{MatchCase}, "\u212A9", "k9", true},
		"sharp s":                                      {[]string{MatchCase}, "GRÖẞE", "größe", true},
		"a Cyrillic A is no Latin A":                   {every, "А1", "A1", false},
		"Arabic yeh":                                   {[]string{MatchPersian}, "چاي ۱", "چای 1", true},
		"Arabic kaf":                                   {[]string{MatchPersian}, "كتاب", "کتاب", true},
		"alef maksura":                                 {[]string{MatchPersian}, "يحيى", "یحیی", true},
		"teh marbuta":                                  {[]string{MatchPersian}, "جعبة", "جعبه", true},
		"heh with yeh above, in one and in two":        {[]string{MatchPersian}, "خانۀ", "خانه\u0654", true},
		"alef with hamza and madda":                    {[]string{MatchPersian}, "أإآ", "ااا", true},
		"a stretched word":                             {[]string{MatchPersian}, "کتـــاب", "کتاب", true},
		"vowel signs":                                  {[]string{MatchPersian}, "کُتُب", "کتب", true},
		"Persian digits":                               {[]string{MatchPersian}, "A-۱۲۳۴۵۶۷۸۹۰", "A-1234567890", true},
		"Arabic digits":                                {[]string{MatchPersian}, "A-١٢٣٤٥٦٧٨٩٠", "A-1234567890", true},
		"Arabic digits are Persian ones":               {[]string{MatchPersian}, "٤٥٦", "۴۵۶", true},
		"Persian letters where only case was chosen":   {[]string{MatchCase}, "كتاب", "کتاب", false},
		"other letters stay apart":                     {every, "سال", "صال", false},
		"a half space":                                 {[]string{MatchZWNJ}, "می\u200Cشود", "میشود", true},
		"a half space where it counts":                 {[]string{MatchPersian}, "می\u200Cشود", "میشود", false},
		"direction marks, from a right-to-left editor": {[]string{MatchZWNJ}, "\u200FAB-12\u200E", "AB-12", true},
		"embeddings and isolates":                      {[]string{MatchZWNJ}, "\u202BAB\u202C\u2066-12\u2069", "AB-12", true},
		"a byte order mark before it":                  {[]string{MatchZWNJ}, "\uFEFFAB-12", "AB-12", true},
		"a soft hyphen and a word joiner":              {[]string{MatchZWNJ}, "AB\u00AD-\u206012", "AB-12", true},
		"blanks behind what nobody sees":               {every, " AB-12 \u200E", "ab-۱۲", true},
		"all at once":                                  {every, "\uFEFFكيف\u200C چرمي ۰۱", "کیف چرمی 01", true},
		"no text is like nothing":                      {every, "A\xff", "A\xfe", false},
		"nothing is nothing":                           {every, " \u200C", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMatching(c.rules)
			a, b := m.Code(c.a), m.Code(c.b)
			if (a == b) != c.alike {
				t.Errorf("%q counts as %q, %q as %q: alike is %t, want %t", c.a, a, c.b, b, a == b, c.alike)
			}
		})
	}
}

// What codes are compared by is found once: it counts as itself.
func FuzzMatchingIsSettled(f *testing.F) {
	for _, code := range []string{"AB-12", " \u00A0كيف\u200C ۱٢\uFEFF ", "ΟΔΟΣ ẞ \u212A", "A\xff", "خانه\u0654"} {
		f.Add(code, uint8(15))
	}
	f.Fuzz(func(t *testing.T, code string, chosen uint8) {
		var rules []string
		for i, rule := range []string{MatchTrim, MatchCase, MatchPersian, MatchZWNJ} {
			if chosen&(1<<i) != 0 {
				rules = append(rules, rule)
			}
		}
		m := NewMatching(rules)
		once := m.Code(code)
		if twice := m.Code(once); twice != once {
			t.Errorf("%q counts as %q by %q, and that as %q", code, once, rules, twice)
		}
		if len(rules) == 0 && once != code {
			t.Errorf("%q was changed to %q though nothing was chosen", code, once)
		}
	})
}
