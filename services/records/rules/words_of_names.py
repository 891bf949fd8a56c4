"""Words that decide how a name is looked for: those that are names and words at once, and those that name nobody."""

from __future__ import annotations


def _some(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In a name on record, and in every other sentence: what says what somebody is, and not who.
SAY_NOTHING = _some(
    "mr mrs ms miss mx dr prof professor rev sir dame lady lord master junior senior jr sr the a an and of or to with "
    "mother mum mummy father dad daddy parent parents step stepmother stepfather stepparent grandmother grandfather "
    "grandma grandad granny nan nanny aunt auntie uncle cousin brother sister sibling son daughter wife husband "
    "partner ex carer foster guardian special kinship relative family friend neighbour child baby unborn boy girl twin "
    "young person unknown unnamed not known name surname maternal paternal birth adoptive"
)

# Names that are words too, or months, colours, places and trades: they count as a name where they have a capital.
WORDS_TOO = _some(
    "may april june august summer autumn winter spring dawn eve sunny sky rain storm river brook lake forest glen "
    "dale hope faith grace joy charity patience prudence constance verity honour honor mercy bliss destiny harmony "
    "melody star angel precious princess prince king duke earl major rose lily ivy violet daisy poppy holly heather "
    "hazel iris jasmine olive rosemary ginger ruby pearl amber jade crystal coral ebony amethyst gene will bill mark "
    "rob bob jack pat sue rich art drew chase miles dean grant guy frank earnest ernest max ray don ken al ed jo bo vi "
    "di cy ty sol gil nick dick harry tom barb carol christian bishop abbot pope priest page piper carter taylor mason "
    "tanner hunter archer cooper fisher gardener gardner baker butcher butler cook clerk driver farmer miller parker "
    "porter potter shepherd singer skinner smith spencer tailor thatcher turner walker ward wright weaver webster "
    "brown black white green gray grey blue scarlet sienna gold golden silver stone rock wood woods field fields hill "
    "hills bank banks marsh moor moss mills mill bridge bridges castle church chapel temple cross street lane park "
    "garden house hall home holmes barn west east north south day days week month winters noon knight knights squire "
    "long short small little large strong sharp swift wise good best better bright dear darling love loving noble true "
    "fair rough hardy gay moody savage stern young old new wild wolf wolfe fox bird swan drake crane martin robin "
    "starling nightingale finch peacock lamb bull buck hart hare pike salmon fish bass roach cage case close cross "
    "dash duty early fast first ford gates glass grove hand head hook hope hood hurst jury key keys kind law laws "
    "list lock mann may means money nice paine pain peace penny pepper perry pitt power powers pride price proctor "
    "purchase quick rainey read reed reader rice ring rivers road root roots rowe rule rush salt sale salter sand "
    "sands score seal self sellers sessions shade sharpe shaw shine shore silence simple sims skill snow son song "
    "spear speed spice spring steel still stills stock story summers sweet tate teal terry test tidy till times toll "
    "town towns trip usher vale vane vine vice waite wall walls wade waters way weeks wells wheat wheeler whistler "
    "winner winter worth yard york london lincoln leicester derby lancaster preston chester kent essex devon paris "
    "florence chelsea georgia india asia china jordan israel ireland england wales holland francis french welch scott "
    "norman roman saxon german cash sonny buddy blessing favour gift miracle wisdom comfort success sunday monday "
    "tuesday wednesday thursday friday saturday january february march july september october november december an "
    "as am is it in on he she me my we us no so do go be by at if or up of to any all none ask asked aim can did has "
    "had her his our out own put saw set she the was who why see say said yes"
)

# Capitals that stand for something else in the papers of this field.
ABBREVIATIONS = _some(
    "am pm gp gps sw hv hvs cp cin csc la lac iro icpc rcpc cic ehcp sen send ta tac taf mash marac dv da idva fii "
    "mh cpn ot pa pc pcso nhs nai wnb dna np dr id it tv uk us pe re ok nb na yot pru ymca gcse dob"
)

# What many placements have in their names: without it, what is left may still say which one it is.
OF_PLACEMENTS = _some(
    "ltd limited llp plc cic trust group services service agency agencies fostering foster care carer carers children "
    "childrens child s home homes house lodge residential placement placements unit project refuge the and of"
)

# What stands before a name, and is written with it or apart: Al Hassan, McDonald, O'Brien, van Dijk.
BEFORE_NAMES = _some(
    "al el ul ur as ad abu abd ab ben bin ibn bint o mc mac fitz san st de del della der den di da do dos du la le les "
    "van von ter ten zu zur ap nic"
)

# Before a surname.
TITLES = _some(
    "mr mrs ms miss mx dr prof professor rev sir dame pc dc ds di ps sgt inspector judge nurse sister councillor"
)

# Words of every sentence: two of them are never one name that was written apart ("has an").
LITTLE = _some(
    "a am an and any are as at be but by can did do for from get go had has have he her him his how i if in into is "
    "it its let may me my no nor not now of off on one or our out own per see set she so than that the them then they "
    "this to too two up us use was way we were who will with yes yet you your"
)
