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
    "young person unknown unnamed not known name surname maternal paternal birth adoptive stepdad stepmum stepson "
    "stepdaughter stepbrother stepsister grandparent grandparents grandpa gran boyfriend girlfriend fiance fiancee "
    "deceased alleged putative presumed suspected possible believed recorded unrecorded confirmed unconfirmed "
    "disclosed undisclosed withheld details detail refused provided stated available aka also as in former formerly "
    "previously current currently previous none no tba tbc information unidentified anonymous unsure other another "
    "whereabouts adult woman foetus"
)

# Of these, what is a surname too: it counts where somebody is called by it, as "Mr Foster" and "K. Young" are; and what
# is a first name, or all that is known of a name: with a capital.
SURNAMES = _some(
    "foster young lord lady child friend master junior senior son to an in no person husband cousin baby boy girl twin "
    "parent guardian special nan gran brother uncle sister"
)
FIRST_NAMES = _some("junior an to in")
ONLY_NAMES = FIRST_NAMES | _some("foster young lord")

# Names that are words too, or months, colours, places and trades: they count as a name where they have a capital.
WORDS_TOO = _some(
    "may april june august summer autumn winter spring dawn eve sunny sky rain storm river brook lake forest glen dale "
    "hope faith grace joy charity patience prudence constance verity honour honor mercy bliss destiny harmony melody "
    "star angel precious princess prince king duke earl major rose lily ivy violet daisy poppy holly heather hazel "
    "iris jasmine olive rosemary ginger ruby pearl amber jade crystal coral ebony amethyst gene will bill mark rob bob "
    "jack pat sue rich art drew chase miles dean grant guy frank earnest ernest max ray don ken al ed jo bo vi di cy "
    "ty sol gil nick dick harry tom barb carol christian bishop abbot pope priest page piper carter taylor mason "
    "tanner hunter archer cooper fisher gardener gardner baker butcher butler cook clerk driver farmer miller parker "
    "porter potter shepherd singer skinner smith spencer tailor thatcher turner walker ward wright weaver webster "
    "brown black white green gray grey blue scarlet sienna gold golden silver stone rock wood woods field fields hill "
    "hills bank banks marsh moor moss mills mill bridge bridges castle church chapel temple cross street lane park "
    "garden house hall home holmes barn west east north south day days week month winters noon knight knights squire "
    "long short small little large strong sharp swift wise good best better bright dear darling love loving noble true "
    "fair rough hardy gay moody savage stern young old new wild wolf wolfe fox bird swan drake crane martin robin "
    "starling nightingale finch peacock lamb bull buck hart hare pike salmon fish bass roach cage case close dash duty "
    "early fast first ford gates glass grove hand head hook hood hurst jury key keys kind law laws list lock mann "
    "means money nice paine pain peace penny pepper perry pitt power powers pride price proctor purchase quick rainey "
    "read reed reader rice ring rivers road root roots rowe rule rush salt sale salter sand sands score seal self "
    "sellers sessions shade sharpe shaw shine shore silence simple sims skill snow son song spear speed spice steel "
    "still stills stock story summers sweet tate teal terry test tidy till times toll town towns trip usher vale vane "
    "vine vice waite wall walls wade waters way weeks wells wheat wheeler whistler winner worth yard york london "
    "lincoln leicester derby lancaster preston chester kent essex devon paris florence chelsea georgia india asia "
    "china jordan israel ireland england wales holland francis french welch scott norman roman saxon german cash sonny "
    "buddy blessing favour gift miracle wisdom comfort success sunday monday tuesday wednesday thursday friday "
    "saturday january february march july september october november december an as am is it in on he she me my we us "
    "no so do go be by at if or up of to any all none ask asked aim can did has had her his our out own put saw set "
    "the was who why see say said yes school court courts care police hunt judge nurse constable sergeant chair "
    "service worker late yet for they their with from into when where this that then there here more most much many "
    "such same after before about again cope fear flood game heard held hole lead leader marks merry mild needs pack "
    "plain plant player pool post pound race record seed sheet spark stay tall train twist want war warm wind wish "
    "work worry friend friends plan plans risk report review social health doctor teacher joint man market marriage "
    "middle moon place pick prior reason rest sell share sleep speaker stage sugar tongue tree trust turn wake watch "
    "water wine wing judges nurses services workers needed help heal"
)

# Capitals that stand for something else in the papers of this field.
ABBREVIATIONS = _some(
    "am pm gp gps sw hv hvs cp cin csc la lac iro icpc rcpc cic ehcp sen send ta tac taf mash marac dv da idva fii mh "
    "cpn ot pa pc pcso nhs nai wnb dna np dr id it tv uk us pe re ok nb na yot pru ymca gcse dob ep eps ed sg sgo ld "
    "mdt pr dc"
)

# What many placements have in their names: without it, what is left may still say which one it is.
OF_PLACEMENTS = _some(
    "ltd limited llp plc cic trust group services service agency agencies fostering foster care carer carers children "
    "childrens child s home homes house lodge residential placement placements unit project refuge registered team "
    "teams the and of"
)

# What a house is called besides: with one word more it is the name of a house, also in small letters.
OF_HOUSES = _some("house home homes lodge refuge hostel cottage manor grange villa villas hall farm court aid")

# Words that stand before these in every other sentence: a safe house, on his way home, a family court, legal aid.
BEFORE_HOUSES = SAY_NOTHING | _some(
    "own new old care caring safe safer happy nice good best better bad clean tidy messy warm cold full empty busy "
    "quiet calm open shared council private rented temporary permanent long short term big large small little first "
    "second third last next nearest same whole main right one two three her his their our my your its this that "
    "which what every each any some all both no is was in on at to from by for with near into about after before "
    "until and or but return returned returning come comes coming came go goes going gone went get gets got getting "
    "take takes taken taking took bring brings brought bringing leave leaves leaving left arrive arrived move moves "
    "moved moving back way run ran stay stays stayed staying live lives lived living work works worked working walk "
    "walks walked walking drive drove driven sent send sending runs running ring rang rings phoned called he she "
    "they we you it him them us me welcome broken loving nursing nursery childrens child children family families "
    "residential respite hospital women womens men mens mothers fathers parents supported assessment group half "
    "public hot school village town dance music guide high crown county youth magistrates civil appeal supreme "
    "criminal tennis football local legal medical hearing visual financial foreign mutual mobility learning "
    "communication band kitchen fire animal stately show day"
)

# What teams are called for what they do, wherever they are: Duty Team, Education, Family Support.
OF_TEAMS = _some(
    "duty counselling counsellors counsellor education outreach inreach night nights day days daytime evening weekend "
    "weekday admin administration administrative admissions intake referral referrals helpline support supported "
    "supporting therapy therapies therapeutic therapist therapists advice advocacy access assessment assessments "
    "contact court crisis emergency early help intervention prevention young people peoples youth adult adults family "
    "families parent parents parenting women womens men mens mother mothers baby babies child health mental wellbeing "
    "clinical medical nursing nurse staff manager managers management leadership senior adoption independent living "
    "leaving transition transitions floating housing tenancy recovery recovering refuges safeguarding protection "
    "school schools learning training transport quality compliance finance office reception registration recruitment "
    "north south east west northern southern eastern western central city county town local regional national area "
    "locality district borough community main head first second third one two three new single point of entry front "
    "door mobile online digital telephone on call out hours hour information data group groups work worker workers "
    "play art arts activity activities behaviour specialist complex needs need disability disabilities risk high low "
    "intensive short breaks break respite long term response rapid triage joint multi agency integrated social care "
    "legal police marac idva idvas isva isvas iva domestic abuse violence sexual survivors survivor perpetrator "
    "perpetrators programme programmes project key general other"
)

# Words of which the names of services, homes and teams are made: none of them names one by itself.
EVERYDAY = _some(
    "able about abuse action active activity acute addiction admin adolescent adult advance advice advisory advocacy "
    "after against ahead aid alcohol alive allied alone alternative always anchor another answer approach arch area "
    "around asian assertive assessment asset assist assistance associate associates association balance base beacon "
    "beginning behaviour being believe belong beside beyond big black block body bond borders borough both box boy "
    "brave break breakaway breathe bridging brief brighter bring british broad build building business call calm camp "
    "campus capital carry central centre challenge chance change changing charity choice choices circle citizen city "
    "clear client clinic close club coast college combined come coming common community companion company complete "
    "concern confidence connect connection contact core corner council counsel counselling country county courage "
    "court crisis cross crown cruse dad dads daily dance daytime deaf direct direction disability disabled discover "
    "discovery district domestic door double drop drug duke duty each earth ease east eastern education eight elderly "
    "emergency empower empowerment enable encourage end endeavour engage enterprise equal escape essential ethnic "
    "european evening every everyday evolve exchange experience express eye face facing fact fair families family farm "
    "federation fellow female fight find finding fire first five flat floating floor focus follow forces form forum "
    "forward foster foundation four framework free freedom fresh friendly full fun further future gate gateway gay "
    "gender general gentle girl giving global going great green ground grow growing growth guidance guide hand hate "
    "haven head healing health healthy hear heart height help helping helpline here hidden high higher home homeless "
    "honest horizon horizons horse hospital hostel hotel hour house housing human humankind idea ideas impact improve "
    "inc include inclusion independence independent indian individual infant initiative innovation inpatient inreach "
    "insight inspiration inspire integrated intensive intervention into island issue join joint journey just keep "
    "keeping kid kids knowing ladder lady land large last lead leading learning leave leaving left legal leisure "
    "lesbian letter liberty life lift light limit limited line link linking listen listening little live lives living "
    "local locality lone look looking main make making male manage management marac maternity matter matters medical "
    "meeting men mental mentor mentoring midland midlands mile mind minor minority mixed mobile moment monument moor "
    "morning mother motion mountain mouth move moving multi mum mums national nature near need needs neighbour net "
    "network never newborn next night nine non north northern nursery nursing office officer one ones only open "
    "opening option options order organisation other out outlook outpatient outreach over own pace park part partner "
    "partnership path paths pathway pathways patient pause people perinatal perpetrator person personal phase picture "
    "place plain plan play plus point police polish port positive possible practice pregnancy pregnant prevent "
    "prevention primary prison private process professional programme progress promise property protect protection "
    "provide provider providers provision public purpose queen queer query quiet raise rape rapid reach ready real "
    "rebuild recovery red referral referrals reflect refresh region regional relate relationship release relief renew "
    "repair rescue resident residents resilience resolve resource resources respect respite response rest restore "
    "result return review right rights rise rising role roof room routes royal run rural safe safeguard safeguarding "
    "safer safety same sanctuary scheme school sea second section secure seed sense separate serenity settle seven "
    "sexual shared sharing shelter shield side sight sign single sister site six sky small social society solace "
    "solution solutions something somewhere south southern space spark special specialism specialist spirit spot "
    "spread square staff stage stalking stand standing start starting station stay staying step stepping stop street "
    "strength strengthen stride strive strong student success sun sunshine support supported supporting sure survive "
    "surviving survivor survivors sustain system take talk talking team teen teenage teenager telephone ten tenancy "
    "tender term therapeutic therapy thing think thinking third thought three thrive thriving through time today "
    "together tomorrow touch tower track training transform transforming transition transitions trauma traveller "
    "travellers treatment tree trees triage true trust truth turn turning two unaccompanied under understand "
    "understanding unit united unity universal upper urban valley value values venture victim victims view views "
    "village violence vision visiting voice voices voluntary volunteer volunteers walk want ward warm watch water wave "
    "welcome well wellbeing west western wider win window wing wings within without witness woman women womens won "
    "wonder wonderful word work worker workers working workshop world worth wraparound young youth zone"
)

# Towns, districts and counties, of which many names speak.
TOWNS = _some(
    "aldershot alfreton altrincham anstey ashbourne ashby ashfield ashford atherstone avon aylesbury bakewell banbury "
    "barking barnet barnsley barrow barwell basildon basingstoke bassetlaw bath bedford bedfordshire bedworth beeston "
    "belper berkshire beverley bexley bingham birkenhead birmingham birstall blaby blackburn blackpool bolsover "
    "bolton boston bosworth bourne bournemouth brackley bracknell bradford braunstone brent brentwood bridgend "
    "brighton bristol britain british bromley broxtowe buckinghamshire burbage burnley burton bury buxton cambridge "
    "cambridgeshire camden cannock canterbury cardiff carlisle charnwood chatham chelmsford cheltenham cheshire "
    "chester chesterfield chichester coalville colchester corby cornwall countesthorpe coventry crawley crewe croydon "
    "cumbria darlington dartford daventry de derby derbyshire devon doncaster donington dorchester dorset dover "
    "dudley durham ealing eastbourne eaton edinburgh enderby enfield england english erewash essex exeter fareham "
    "gainsborough gateshead gedling glasgow glenfield glossop gloucester gloucestershire gosport grantham grimsby "
    "groby guildford hackney halifax hampshire harborough haringey harlow harrogate harrow hartlepool hastings havant "
    "havering heanor hereford herefordshire hertford hertfordshire hillingdon hinckley holbeach horncastle hounslow "
    "hucknall huddersfield hull humber huntingdon ibstock ilford ilkeston ipswich islington kegworth keighley "
    "kenilworth kent kesteven kettering kibworth kidderminster kingston knowsley la lambeth lancashire lancaster le "
    "leamington leeds leicester leicestershire lewisham lichfield lincoln lincolnshire lindsey liverpool london "
    "loughborough louth lowestoft luton lutterworth macclesfield maidstone manchester mansfield mare margate matlock "
    "measham medway melton mersey merseyside merton middlesbrough middlesex mountsorrel mowbray narborough newark "
    "newcastle newham newport norfolk northampton northamptonshire northumberland northumbria norwich nottingham "
    "nottinghamshire nuneaton oadby oakham oldham ollerton oundle oxford oxfordshire peterborough plymouth poole "
    "portsmouth preston ramsgate reading redbridge redcar redditch retford richmond ripley rochdale rochester "
    "rotherham rothley rugby rugeley runcorn rushcliffe rushden rutland salford salisbury sandwell scarborough "
    "scunthorpe sefton sheffield shepshed shilton shrewsbury shropshire sileby skegness sleaford slough solihull "
    "somerset southampton southend southport southwark southwell spalding stafford staffordshire stamford stevenage "
    "stockport stockton stoke stourbridge stratford suffolk sunderland super surrey sussex sutton swadlincote swansea "
    "swindon syston tameside tamworth taunton tees teesside telford thames thrapston thurmaston thurrock torbay "
    "torquay towcester trafford trent truro tyne tynemouth tyneside upon uppingham uttoxeter wakefield wales walsall "
    "waltham wandsworth warrington warwick warwickshire watford wellingborough westminster weymouth whetstone wigan "
    "wight wigston wiltshire winchester windsor wirral woking wokingham wolverhampton worcester worcestershire "
    "worksop worthing wrexham wycombe yeovil york yorkshire zouch"
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
