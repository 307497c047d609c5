//! The words that say what stands beside them: titles, field names, kin, months, street and
//! facility words, units, and the words that are capitalised without being anybody's.

/// A set of cue classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cues(u64);

impl Cues {
    pub(super) const NONE: Cues = Cues(0);

    pub(super) fn any(self, of: Cues) -> bool {
        self.0 & of.0 != 0
    }

    pub(super) const fn or(self, other: Cues) -> Cues {
        Cues(self.0 | other.0)
    }

    /// As a number, to be compared and hashed.
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

macro_rules! cues {
    ($($name:ident = $bit:literal: $words:literal;)*) => {
        #[allow(dead_code, reason = "each is named where a rule needs it")]
        impl Cues {
            $(pub(super) const $name: Cues = Cues(1 << $bit);)*
        }
        const TABLE: &[(Cues, &str)] = &[$((Cues::$name, $words)),*];
    };
}

cues! {
    TITLE = 0: "mr mrs ms miss mx dr drs doctor prof professor sir madam rev reverend pastor rabbi imam judge
        officer sgt lt capt nurse señor señora sr sra srta dra herr frau monsieur madame";
    CREDENTIAL = 1: "md rn np pa phd lpn dnp facp mph pharmd dds jr esq crnp cnm dpm lcsw msw mbbs cna aprn arnp
        facs facc dvm psyd rph dpt pac msn bsn fnp frcp mbchb rd otr rrt lvn cma crna";
    KIN = 2: "son daughter wife husband mother father brother sister spouse partner aunt uncle niece nephew cousin
        friend neighbor neighbour grandmother grandfather grandson granddaughter guardian caregiver fiance fiancee
        stepmother stepfather stepson stepdaughter roommate boyfriend girlfriend mom dad twin sibling";
    PERSON = 3: "patient pt pts client male female man woman boy girl gentleman lady child infant baby veteran
        resident teenager mom widow guardian subscriber recipient professional student adult";
    NAMED = 4: "named called name names surname nickname alias aka lastname firstname nombre";
    FIELD = 5: "family given patient pt name physician provider attending surgeon nurse cc dictated guardian pcp by clinician doctor
        subscriber contact signed mother father spouse consultant therapist author re from to referring
        insured guarantor resident fellow anesthesiologist cardiologist assistant interpreter witness
        pharmacist cosigned transcribed reviewed prepared technologist radiologist pathologist recipient
        beneficiary employer caregiver daughter son wife husband sister brother nombre paciente
        médico medico collector sender requester scribe next emergency specialist employee lastname firstname surname
        provider clinician admitting ordering counselor dentist dear sincerely regards attn attention alias";
    BY = 6: "by via per";
    FACILITY = 7: "hospital hospitals clinic clinics center centre institute pavilion infirmary hospice pharmacy
        university school church associates healthcare sanatorium laboratory laboratories practice college
        academy physicians rehab rehabilitation partners foundation manor facility office campus system
        sanitarium medcenter polyclinic dispensary hospitalists orthopedics pediatrics surgicenter temple chapel
        elementary library shelter prison jail med ctr cntr medctr hosp";
    FACILITY_PART = 8: "medical health general memorial regional community county city university cancer
        surgical heart children's childrens women's womens veterans va care nursing home group specialty
        specialists family district national trust nhs presbyterian methodist baptist lutheran catholic jewish
        medicine wellness dental eye ear research teaching valley north south east west upper lower central
        northern southern eastern western main downtown street urgent primary mental behavioral rehab
        cardiology oncology neurology dermatology diagnostic imaging radiology pediatric orthopedic orthopaedic
        outpatient inpatient emergency pain sleep memory wound spine fertility dialysis infusion diabetes
        endocrine gastroenterology urology allergy asthma vein laser vision hearing senior living assisted
        skilled recovery treatment trauma transplant maternity birth birthing breast stroke walk-in retail
        academic tertiary local referral the of and for at our a an his her their other another outside day
        patient quality internal acute long term state federal public private";
    STREET = 9: "street st avenue ave road rd lane ln drive dr boulevard blvd way court ct highway hwy place pl
        parkway pkwy circle cir terrace ter trail trl square sq row crescent close route rte pike turnpike plaza alley
        loop path expressway corner run crossing station extension mews gardens grove heights hill burg vista junction
        mount trace ridge view manor summit ville point underpass viaduct field fields forge forks knoll
        mall meadow meadows mills motorway neck orchard overpass park parks pines plains port prairie radial
        ramp ranch rapids rest spur stravenue stream track trafficway tunnel union valley village walk wall well wells
        lodge key isle inlet haven green glen gateway garden fort ford flats ferry estate drives crest creek cove
        course common club crossroad crossroads fork gate bay rapid harbor rue flat loaf approach island islands hollow
        center centers divide shore shores skyway spring springs squares streets throughway light lake lock locks skyway cliffs causeway canyon camp bypass brook bridge branch bend bayou";
    STREET_SURE = 10: "street st avenue ave road rd lane ln drive dr boulevard blvd way court ct highway hwy place pl
        parkway pkwy circle cir terrace ter trail trl square plaza crescent close row alley loop turnpike route rte";
    UNIT = 11: "apt apartment suite ste unit floor fl room rm bldg building lot trailer";
    DIRECTION = 12: "n s e w ne nw se sw north south east west northeast northwest southeast southwest";
    MONTH = 13: "january february march april may june july august september october november december jan feb mar apr
        jun jul aug sep sept oct nov dec enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre
        noviembre diciembre janvier février mars avril mai juin juillet août septembre octobre novembre décembre
        januar februar märz juni juli oktober dezember januari februari maart augustus oktober december januarie
        februarie desember maj augusti tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta
        heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta gennaio febbraio aprile maggio giugno luglio
        settembre ottobre novembre dicembre janeiro fevereiro março maio junho julho setembro outubro novembro dezembro
        stycznia lutego marca kwietnia czerwca lipca sierpnia września października listopada grudnia ledna února
        března dubna května června července srpna října listopadu prosince siječnja veljače ožujka travnja svibnja lipnja
        srpnja kolovoza rujna studenoga prosinca ianuarie februarie martie aprilie iunie iulie septembrie octombrie
        noiembrie decembrie január február március április május június július augusztus szeptember október
        ocak şubat nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık maret agustus января февраля марта
        апреля мая июня июля августа сентября октября ноября декабря січня лютого березня квітня травня червня липня
        серпня вересня жовтня листопада грудня януари февруари април юни юли август септември октомври ноември декември
        ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου";
    WEEKDAY = 14: "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri";
    DATE_CUE = 15: "on since dated date until til till dob dod dos doa born birthday birthdate birth admitted
        discharged scheduled appointment appt signed visit seen exam examined visited admission discharge
        followup follow-up f/u fecha due effective expires exp expiration starting started beginning ending
        through thru between before after service surgery procedure collected received reported lmp edd edc
        last updated issued entered performed evaluated presented met hospitalized began";
    MONTH_PREP = 16: "in since last early late until by mid this of next during from through before after following
        every past previous between and to around en desde de";
    MEASURE = 17: "mg mcg ug g kg ml mls l dl cc units unit mmhg bpm tablet tablets tab tabs capsule capsules cap caps
        daily dose doses lbs lb oz cm mm m km percent degrees score meq mmol iu puffs drops beats breaths
        strength murmur systolic diastolic reflexes pulses power hz minutes min mins hours hour hrs hr seconds sec
        weeks week days day months month years year times x cells copies points feet ft inches inch f c vision acuity
        mcl ratio pack packs ounces cups view views steps stairs pounds calories kcal grams motor rate intensity
        bilaterally throughout holosystolic sem edema pulse pitting pain cups joules positive criteria";
    OLD = 18: "old yo y.o âge age aged ages y/o yrs-old";
    YEARS = 19: "year years yr yrs y";
    CONDITION = 20: "disease syndrome sign signs test tests reflex criteria scale classification maneuver palsy lymphoma
        thyroiditis phenomenon esophagus disorder cyst fracture fractures catheter procedure stage index contracture
        tumor tumour sarcoma cells bodies rule law triad ulcer dementia chorea ataxia score nodes node line lines point
        sinus gland duct canal rash lesion lesions position block wave waves stain operation repair forceps retractor
        clamp tube drain needle splint brace fever arthritis encephalopathy hernia murmur pouch
        glomerulonephritis anemia nephropathy neuropathy cardiomyopathy paralysis stones deformity angina
        vaccine virus infection study trial equation formula nomogram coma apgar thyroid purpura nodule nodules
        patch filter valve graft shunt approach technique method questionnaire inventory scan medium solution
        agar prep bandage boot collar metaplasia spots ring rings respiration breathing pupil pupils tremor facies
        protocol guidelines guideline circles regimen";
    EPONYM = 21: "parkinson parkinsons alzheimer alzheimers alzheimer's bell bells murphy foley crohn crohns hodgkin hodgkins
        raynaud raynauds babinski graves hashimoto hashimotos cushing cushings addison addisons down marfan
        klinefelter sjogren sjögren sjogrens huntington huntingtons wilson wilsons barrett barretts tourette
        asperger kawasaki wernicke korsakoff guillain barré barre baker colles romberg lachman mcmurray tinel phalen
        finkelstein trendelenburg kernig brudzinski homan homans hoffman hoffmann rinne weber glasgow apgar braden
        morse gleason breslow dukes duke mallampati framingham child pugh ranson bishop epworth beck rorschach
        likert kaplan meier cox bonferroni gram giemsa papanicolaou pap mantoux coombs schilling valsalva heimlich
        lamaze kegel trendelenberg lugol bartholin skene morison mcburney rovsing charcot virchow osler janeway roth
        heberden bouchard dupuytren peyronie paget osgood schlatter legg calvé perthes ewing wilms kaposi burkitt
        waldenstrom waldenström langerhans purkinje schwann golgi krebs henle bowman eustachian fallopian achilles
        hickman groshong broviac swan ganz kocher mayo allis babcock debakey gigli steinmann kirschner schanz
        ilizarov girdlestone bankart sachs whipple billroth roux hartmann nissen heller mohs lisfranc monteggia
        galeazzi salter maisonneuve lefort ludwig meniere ménière menieres kartagener kallmann prader willi angelman
        noonan digeorge ehlers danlos loeys dietz fabry gaucher niemann pick tay pompe hurler lesch nyhan
        creutzfeldt jakob lewy steele friedreich charcot-marie tooth duchenne becker eaton lambert behcet behçet
        takayasu wegener churg strauss goodpasture berger henoch schonlein schönlein hirschsprung meckel zollinger
        ellison mallory weiss boerhaave zenker schatzki plummer vinson budd chiari arnold dandy gilbert crigler
        najjar dubin rotor reye lyell koplik lyme coxsackie epstein zika ebola marburg hantaan lassa norwalk pott
        potts scheuermann quervain quincke sydenham brugada wolff parkinson-white wenckebach mobitz fallot
        eisenmenger ebstein flint kussmaul cheyne stokes biot beighton denis waddell spurling yergason neer speed
        ober faber lasegue lasègue chaddock oppenheim ortolani barlow adson tanner snellen ishihara amsler goldmann
        schirmer jaeger cockcroft gault mosteller dubois benedict mifflin karnofsky ecog zubrod centor mcisaac
        alvarado geneva light rome manning amsterdam killip forrester nyha rutherford fontaine leriche forrest
        rockall blatchford hinchey merseburg dix hallpike epley semont nylen bárány frenkel brandt daroff mccune
        albright lou gehrig gehrig's munchausen stockholm rett rasmussen lennox gastaut jacksonian monro kellie
        hering breuer starling laplace doppler holter roentgen curie hounsfield celsius fahrenheit kelvin angstrom
        hertz newton joule pascal rankin barthel katz lawton trousseau chvostek cullen grey courvoisier nikolsky
        auspitz koebner darier gottron leser trelat salmonella listeria escherichia klebsiella rickettsia brucella
        neisseria";
    SAFE = 22: "germany france italy spain portugal poland greece turkey china japan korea taiwan thailand
        vietnam philippines indonesia malaysia singapore pakistan bangladesh nepal iran iraq israel egypt ethiopia
        nigeria ghana zambia zimbabwe uganda tanzania mexico canada brazil argentina colombia peru ecuador
        venezuela guatemala honduras nicaragua england scotland wales britain netherlands belgium switzerland austria
        hungary romania bulgaria ukraine russia sweden norway finland denmark iceland zealand haiti cuba jamaica
        mondays tuesdays wednesdays thursdays fridays saturdays sundays covid medicare medicaid medigap american african asian hispanic caucasian latino latina european
        english spanish french german chinese mandarin arabic russian vietnamese korean japanese tagalog british indian
        mexican canadian australian italian native black white christian catholic muslim jewish buddhist hindu
        internet facebook google youtube zoom mychart epic cerner medline pubmed cochrane embase
        i ii iii iv v vi vii viii ix x a b c d the this that these those she he they we you it his her their my our
        what when where which who how why is are was were can could should would may might will do does did has have
        had if in on at of for from with without and or but not no yes to as by an after before during since
        patient patients pt history physical examination exam review systems assessment plan results impression
        chief complaint medications medication allergies vitals blood pressure heart rate respiratory cardiovascular
        gastrointestinal musculoskeletal neurological neurologic constitutional psychiatric skin eyes ears nose
        mouth throat abdomen lungs chest neck head extremities instructions denies reports endorses continue
        follow medical surgical family social reasoning treatment additional testing specialist referrals agreements
        education counseling current recommended latest best guidelines guideline management treatment options
        please note yes unknown none normal negative positive left right bilateral today yesterday tomorrow
        mri ct ekg ecg eeg emg icu ed er pacu nicu picu or ob gyn obgyn ent pcp bp hr rr spo2 bmi hiv aids copd chf
        cad gerd dvt pe mi tia cva uti uri ibs ibd ckd esrd esld dm htn hld osa ptsd adhd ocd bipolar
        mrn ssn dob dos npi dea vin fax tel phone email url ip id zip address name date time age sex gender race
        monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
        september october november december christmas thanksgiving easter halloween
        usa us uk united states america africa asia europe fda cdc nih cms who aha acc ada acog nccn usp uspstf
        er er-visit usa nsaid nsaids ace arb ssri ssris snri maoi ppi iv po im sq bid tid qid prn qd qhs
        section note notes summary report visit discharge admission consultation consult progress operative procedure
        subjective objective data labs lab imaging diagnosis diagnoses problem problems list number record account
        member group policy plan insurance subscriber provider physician attending facility location department unit
        room service status code type class grade level stage score phase version page line
        signed electronically dictated transcribed sincerely dear regards thank thanks hello hi
        mother father brother sister son daughter wife husband spouse
        type vaccine lot dose mg ml tablet first second third fourth one two three four five six seven eight nine ten
        high low new old big small great good bad increase decrease start stop initiate obtain order refer repeat
        see return take give use avoid monitor check discuss recommend consider advised encouraged
        constitutional hematologic endocrine genitourinary integumentary immunologic lymphatic
        aspirin tylenol advil motrin aleve lipitor zocor crestor plavix coumadin eliquis xarelto lasix zoloft prozac
        lexapro celexa paxil effexor wellbutrin xanax ativan valium klonopin ambien norco percocet vicodin lortab
        oxycontin ultram neurontin lyrica flexeril humira enbrel remicade metformin januvia jardiance farxiga ozempic
        trulicity victoza lantus humalog novolog levemir synthroid nexium prilosec pepcid zantac zyrtec claritin
        allegra benadryl flonase singulair advair symbicort spiriva albuterol ventolin proair viagra cialis
        botox premarin yaz yasmin mirena nexplanon depo plan-b keflex augmentin zithromax cipro bactrim levaquin
        diovan cozaar norvasc toprol coreg lopressor digoxin lanoxin imdur nitrostat zofran reglan compazine
        phenergan colace miralax senna dulcolax imodium pepto tums rolaids gas-x maalox mylanta bengay
        prolia fosamax boniva actonel evista taxol herceptin avastin keytruda opdivo gleevec rituxan
        velcade revlimid paxlovid tamiflu valtrex zovirax gardasil shingrix prevnar pfizer moderna novavax
        lisinopril hello ok";
    CODE = 23: "pmid pmc pmcid doi cpt icd ndc nct rxnorm snomed loinc hcpcs atc isbn issn rxcui version grch hla nda
        drg cvx unii cas orcid arxiv rrid oid dsm";
    MRN = 24: "mrn mr mrno record records chart rec hospital-number urn umrn emr ehr nhs chi historia expediente hc nhc
        medrec emrn mpi empi patientid ptid";
    SSN = 25: "ssn social ss sin itin tin ssn4";
    PHONE = 26: "phone tel telephone cell mobile call called contact pager ph reached reach callback text texted
        voicemail line phoned landline beeper teléfono telefono móvil tlf whatsapp cellphone dial";
    FAX = 27: "fax faxed facsimile faxes";
    PLAN = 28: "member policy insurance plan subscriber beneficiary medicare medicaid group hicn mbi ins payer payor hmo
        ppo coverage insured tricare aetna cigna humana bcbs anthem kaiser enrollee certificate memberid hicno";
    ACCOUNT = 29: "account acct billing invoice iban card bank acc visa mastercard amex credit debit routing
        guarantor payment wallet swift bic statement accountno";
    LICENSE = 30: "license licence npi dea driver driver's drivers dl lic licensed cds upin registration-no
        certification permit licensure";
    VEHICLE = 31: "vin plate plates vehicle car truck tag registration motorcycle license-plate";
    DEVICE = 32: "serial device implant implanted udi pacemaker sn icd-device defibrillator pump prosthesis stimulator
        implantable glucometer imei mac";
    ID = 33: "id identifier passport accession specimen case reference ref encounter confirmation claim badge
        employee csn fin study tracking ticket requisition order authorization auth participant subject barcode
        dni nie nif cuit curp rfc cpf document file docket folder sample rx prescription referral
        dln aadhaar pan uuid guid token session site";
    STRONG = 34: "mrn mrno ssn npi dea vin mbi hicn iban acct udi ssn4 emrn empi csn passport umrn dln
        serial accession itin imei dni nie nif nhc curp cpf patientid ptid memberid fax medrec aadhaar";
    FILLER = 35: "number num no nr nos id identifier identification ident code is was of with ending in reads as record
        card plan tag plate serial policy medical security digits last four driver's license account member
        health insurance hospital the a an assigned listed under are and chart group subscriber beneficiary patient
        reference bank his her file holder claim credit debit registration certification new old current case social
        verified model policyholder pin nº nro ins";
    MARKER = 36: "number num no nr id identifier nº nro mrn ssn code serial";
    ZIP = 37: "zip postalcode zip_code zipcode postcode postal plz postleitzahl cep psč psc postnummer postnr
        postinumero postiindeks poskode poskod poștal poštanski postanski irányítószám pincode индекс индекс индексът";
    PLACE_PREP = 38: "in from near to at of outside around through visiting";
    ADMIT = 39: "seen admitted treated evaluated visited hospitalized transferred visit followed managed admission
        diagnosed operated presenting presented assessed tx'd dx'd monitored surgery attended reviewed
        appointment appt checkup check-up discharged consulted examined care tx dx referred treatment performed
        presents procedure stay office records faxed scheduled underwent received";
    LIVES = 40: "lives resides living residing moved resident native born raised travel traveled travelled traveling trip
        visiting visited vacation relocated hometown drove flew flying commutes home originally grew based located
        housed works town city village";
    ENDS_NAME = 41: "is was has had reports reported presents presented denies denied states stated complains endorses
        underwent requests says said notes noted aged came called describes returns returned who whose did lives
        understands feels does tolerated continues admits wants";
    NINETY = 42: "ninety ninety-one";
    URL = 43: "http https ftp www";
    SUFFIX = 44: "jr sr ii iii iv phd";
    PARTICLE = 45: "van von de der den del della di da dos la le el al bin ibn ben ter ten st y e do du des abu";
    ADDRESS = 49: "address addr residence domicile dirección direccion adresse anschrift location line street line1 address1 street1";
    FACILITY_TAIL = 47: "home unit surgery inc corporation corp llc association alliance trust medical health memorial care group regional general presbyterian methodist baptist lutheran
        va dental hospice children's childrens";
    STREET_FIRST = 48: "calle avenida avda rue rua viale paseo plaza carrera ulica chemin allée";
    NOT_FACILITY = 50: "the at in our from a an seen this visit to by his her my local for was on with is admitted
        treated evaluated and seen";
    CITY_KEY = 51: "city town municipality county district village ciudad municipio localidad birthplace";
    NOT_CITY = 46: "of most many mobile best reading orange normal price home commerce center union industry marble
        enterprise";
}

impl Cues {
    /// The numbers and codes that a word announces.
    pub(super) const NUMBERED: Cues = Cues::MRN
        .or(Cues::SSN)
        .or(Cues::PHONE)
        .or(Cues::FAX)
        .or(Cues::PLAN)
        .or(Cues::ACCOUNT)
        .or(Cues::LICENSE)
        .or(Cues::VEHICLE)
        .or(Cues::DEVICE)
        .or(Cues::ID)
        .or(Cues::CODE)
        .or(Cues::ZIP);
    /// All but the words that merely stand between, or are ordinary.
    pub(super) const TELLING: Cues = Cues(!Cues::SAFE.or(Cues::FILLER).or(Cues::NOT_FACILITY).or(Cues::NOT_CITY).0);
}

/// The table, hashed once.
pub(super) struct CueTable {
    slots: Vec<(u64, Cues)>,
}

impl CueTable {
    pub(super) fn new() -> Self {
        let words = TABLE.iter().flat_map(|(cue, words)| words.split_whitespace().map(move |w| (w, *cue)));
        let mut slots = vec![(0, Cues::NONE); (words.clone().count() * 3).next_power_of_two()];
        let mask = slots.len() - 1;
        for (word, cue) in words {
            let hash = hash(word);
            let mut at = hash as usize & mask;
            while slots[at].0 != 0 && slots[at].0 != hash {
                at = (at + 1) & mask;
            }
            slots[at] = (hash, slots[at].1.or(cue));
        }
        Self { slots }
    }

    /// The cues of a word in lower case.
    #[cfg(test)]
    pub(super) fn get(&self, lower: &str) -> Cues {
        self.get_hashed(hash(lower))
    }

    /// The same by the word's [`hash`].
    pub(super) fn get_hashed(&self, hash: u64) -> Cues {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                (0, _) => return Cues::NONE,
                (h, cues) if h == hash => return cues,
                _ => at = (at + 1) & mask,
            }
        }
    }
}

/// FNV-1a with a final mix; never zero.
pub(super) fn hash(word: &str) -> u64 {
    hash_bytes(word.as_bytes())
}

/// [`hash`] of a word given by its bytes.
pub(super) fn hash_bytes(word: &[u8]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let h = word.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(PRIME));
    // The low bits place it in a table, the high ones tell it from its neighbours.
    (h ^ (h >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_cues_and_no_others() {
        let table = CueTable::new();
        assert!(table.get("dr").any(Cues::TITLE));
        assert!(table.get("dr").any(Cues::STREET));
        assert!(table.get("mrn").any(Cues::STRONG));
        assert!(!table.get("public").any(Cues::LICENSE));
        assert_eq!(table.get("publication"), Cues::NONE);
        assert_eq!(table.get(""), Cues::NONE);
    }
}
